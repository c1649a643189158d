"""Settings of every detector as frozen models with ranges and help; forms and TOML come from them."""

from engine.settings.crossfit import CrossfitConfig
from engine.settings.deft import DeftConfig
from engine.settings.ensemble import EnsembleConfig
from engine.settings.losses import (
    DividemixConfig,
    LossGmmConfig,
    ProbeConfig,
    SmallLossConfig,
    TurnConfig,
)
from engine.settings.model import Settings
from engine.settings.prompted import AvlPrompterConfig, CoopConfig, MapleConfig, StaticPromptConfig
from engine.settings.untrained import KnnConfig, LabelMatchConfig, TransitionConfig

DETECTORS: dict[str, type[Settings]] = {
    "transition": TransitionConfig,
    "crossfit": CrossfitConfig,
    "ensemble": EnsembleConfig,
    "deft": DeftConfig,
    "avl_prompter": AvlPrompterConfig,
    "turn": TurnConfig,
    "dividemix": DividemixConfig,
    "loss_gmm": LossGmmConfig,
    "small_loss": SmallLossConfig,
    "probe": ProbeConfig,
    "maple": MapleConfig,
    "coop": CoopConfig,
    "static_prompt": StaticPromptConfig,
    "knn": KnnConfig,
    "label_match": LabelMatchConfig,
}
"""Every detector by the name of its module in `engine.detectors`, in the order in which people see them."""
