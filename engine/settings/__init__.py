"""Settings of every detector as frozen models with ranges and help; forms and TOML come from them."""

from engine.settings.deft import DeftConfig
from engine.settings.model import Settings
from engine.settings.untrained import KnnConfig, LabelMatchConfig, TransitionConfig

DETECTORS: dict[str, type[Settings]] = {
    "transition": TransitionConfig,
    "deft": DeftConfig,
    "knn": KnnConfig,
    "label_match": LabelMatchConfig,
}
"""Every detector by the name of its module in `engine.detectors`, in the order in which people see them."""
