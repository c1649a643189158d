"""Settings of the detectors that learn prompts, or train CLIP around a fixed one, on the given labels."""

from typing import Any, Literal

from pydantic import Field

from engine.settings.model import Settings


def _epochs(default: int, words: str = "times that every image is looked at") -> Any:
    return Field(default=default, ge=1, le=500, description=words)


def _batch_size(default: int, words: str = "images per step") -> Any:
    return Field(default=default, ge=1, le=65536, description=words)


def _learning_rate(default: float, words: str = "of the first epoch") -> Any:
    return Field(default=default, gt=0, le=10, description=words)


def _longest_step(default: float) -> Any:
    words = "gradients longer than this, all together, are shortened; 0: never"
    return Field(default=default, ge=0, le=1e6, description=words)


def _words(words: str) -> Any:
    return Field(default="a photo of a", min_length=1, max_length=200, description=words)


def _freeze_embeddings() -> Any:
    words = "the tables of words and of places stay as they are: less memory, nearly the same"
    return Field(default=False, description=words)


def _n_context() -> Any:
    return Field(default=2, ge=1, le=32, description="learned vectors per layer, in both towers")


def _depth() -> Any:
    return Field(default=9, ge=1, le=100, description="layers that have them")


_BEGIN = "before each class name; the learned vectors begin as the first of these words"


class AvlPrompterConfig(Settings):
    """AVL-Prompter: two copies of CLIP, each with prompts in both towers, sort the labels for each other.

    AVL-Prompter and methods §7; the settings are the published ones where they name no other reason.
    """

    epochs: int = _epochs(60, "each begins with a new sorting of the labels")
    batch_size: int = _batch_size(64, "trusted images per step; as many others come on top")
    optimiser: Literal["sgd", "adamw", "rprop"] = Field(
        default="sgd",
        description="rprop: as published for EuroSAT and Pets; it and adamw need a rate of about 0.00001",
    )
    learning_rate: float = _learning_rate(0.02, "of the prompts, at the beginning")
    tower_share: float = Field(
        default=0.1, ge=0, le=1, description="rate of CLIP's own weights as a share of that; 1: as published"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(default=5e-4, ge=0, le=1, description="of sgd and adamw")
    longest_step: float = _longest_step(1.0)
    threshold: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="how sure of a low loss one must be to trust a label; 0.6 for nine wrong of ten",
    )
    averaged_epochs: int = Field(
        default=0,
        ge=0,
        le=20,
        description="epochs whose losses are averaged; 0: 5 where the threshold is above 0.5, else 1",
    )
    unlabelled_weight: float = Field(
        default=1.0, ge=0, le=10_000, description="of the images whose label is not trusted"
    )
    ramp: int = Field(
        default=0, ge=0, le=500, description="epochs until that weight is reached; 0: from the first step"
    )
    confidence: float = Field(
        default=0.0, ge=0, lt=1, description="how sure an answer must be to be learned in place of a label"
    )
    balance_weight: float = Field(
        default=1.0, ge=0, le=1000, description="how strongly all classes are kept equally frequent"
    )
    n_context: int = _n_context()
    depth: int = _depth()
    words: str = _words(_BEGIN)
    freeze_embeddings: bool = _freeze_embeddings()
    operations: int = Field(
        default=2, ge=0, le=10, description="strong changes of an image, one after the other"
    )
    magnitude: int = Field(default=10, ge=2, le=11, description="how strong they can be")
    cutout: bool = Field(default=False, description="cover a quarter of each strongly changed image, too")


class SupervisedSettings(Settings):
    """How a CLIP is trained on all labels as if they were right (methods §9)."""

    epochs: int = _epochs(10)
    batch_size: int = _batch_size(64)
    learning_rate: float = _learning_rate(0.002)
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of the optimiser, SGD")
    weight_decay: float = Field(default=5e-4, ge=0, le=1, description="of the optimiser, SGD")
    longest_step: float = _longest_step(1.0)
    post_gmm: bool = Field(
        default=True,
        description="afterwards ask which losses are low; otherwise how likely the given label is, which "
        "says little once wrong labels are learned by heart",
    )


class PromptSettings(SupervisedSettings):
    """What those that learn prompts share."""

    train_encoders: bool = Field(default=False, description="train CLIP's own weights, too")
    tower_share: float = Field(
        default=0.1, ge=0, le=1, description="their rate, as a share of that of the prompts"
    )


class MapleConfig(PromptSettings):
    """MaPLe: learns prompts in both towers from all labels, then doubts the labels that resist.

    MaPLe (Khattak et al. 2023), methods §7.1, §9; the vision-language row of AVL-Prompter's ablation.
    """

    epochs: int = _epochs(5)
    batch_size: int = _batch_size(4)
    learning_rate: float = _learning_rate(0.0035)
    n_context: int = _n_context()
    depth: int = _depth()
    words: str = _words(_BEGIN)


class CoopConfig(PromptSettings):
    """CoOp: learns the words before the class names from all labels, then doubts the labels that resist.

    CoOp (Zhou et al. 2022), methods §9; the text-only row of AVL-Prompter's ablation.
    """

    epochs: int = _epochs(20)
    batch_size: int = _batch_size(32)
    context_length: int = Field(default=16, ge=1, le=64, description="learned words before each class name")
    views: int = Field(
        default=4, ge=0, le=64, description="shifted and mirrored copies, where CLIP stays as it is"
    )


class StaticPromptConfig(SupervisedSettings):
    """Static prompt: trains both towers of CLIP on all labels, then doubts the labels that resist.

    Methods §1 and §9; the row that AVL-Prompter's ablation calls zero-shot CLIP, which is trained.
    """

    words: str = _words("before each class name")
    freeze_embeddings: bool = _freeze_embeddings()
