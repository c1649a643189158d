"""What each detector does with the images, in passes; `engine.costs` makes seconds and bytes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.settings import (
    AvlPrompterConfig,
    CoopConfig,
    CrossfitConfig,
    DeftConfig,
    DividemixConfig,
    EnsembleConfig,
    LossGmmConfig,
    MapleConfig,
    ProbeConfig,
    SmallLossConfig,
    StaticPromptConfig,
    TransitionConfig,
    TurnConfig,
)
from engine.settings.adapters import AdapterKind

NAME_TOKENS = 4
"""Tokens of a class name and the end of its prompt, the mean of methods §13.2."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What comes on top of the features of the images as they are.

    looks, lessons: passes over all images, without and with gradients. batch_size: samples per step.
    images_per_sample: pictures that a step makes of each. learns_weights, learns_text: whether the weights of
    the image tower or of the text tower learn, not only something beside them. prompts: tokens beside those
    of a picture. text_tokens: read by the text tower in each step, with gradients. head_lessons: passes over
    stored features. probes: linear probes fitted to the end. copies: of CLIP, which learn. views: features
    stored of each sample beside its own.
    """

    looks: float = 0.0
    lessons: float = 0.0
    batch_size: int = 1
    images_per_sample: int = 1
    learns_weights: bool = False
    learns_text: bool = False
    prompts: int = 0
    text_tokens: float = 0.0
    head_lessons: float = 0.0
    probes: int = 0
    copies: int = 0
    views: int = 0


def _nothing(settings: Any, n: int, k: int, has_gpu: bool) -> Work:
    return Work()


def _transition(settings: TransitionConfig, n: int, k: int, has_gpu: bool) -> Work:
    return Work(probes=0 if settings.posterior == "zero_shot" else settings.folds)


def _crossfit(settings: CrossfitConfig, n: int, k: int, has_gpu: bool) -> Work:
    frozen = Work(looks=settings.views, views=settings.views, probes=settings.folds)
    if settings.tower == "frozen":
        return frozen
    # Each copy learns from all folds but one, and each sample is asked about by its own copy.
    return Work(
        looks=2 * settings.views + 1,
        views=settings.views,
        probes=settings.folds,
        lessons=settings.epochs * (settings.folds - 1),
        batch_size=settings.batch_size,
        learns_weights=_trains_weights(settings.adapter),
        copies=settings.folds,
    )


def _ensemble(settings: EnsembleConfig, n: int, k: int, has_gpu: bool) -> Work:
    return Work(probes=TransitionConfig().folds)


def _deft(settings: DeftConfig, n: int, k: int, has_gpu: bool) -> Work:
    # All positive prompts and the negative ones of the batch's classes; the contexts are run once.
    prompts = k + min(k, 2 * settings.batch_size)
    text = prompts * NAME_TOKENS + 2 * (1 + settings.context_length)
    tower = ("vpt" if has_gpu else "frozen") if settings.tower == "auto" else settings.tower
    if tower != "frozen":
        return Work(
            looks=1,
            lessons=settings.epochs,
            batch_size=settings.batch_size,
            learns_weights=_trains_weights(tower),
            copies=int(_trains_weights(tower)),
            prompts=settings.prompt_length if tower == "vpt" else 0,
            text_tokens=text,
        )
    return Work(
        looks=settings.views,
        views=settings.views,
        head_lessons=settings.epochs,
        batch_size=settings.batch_size,
        text_tokens=text,
    )


def _avl_prompter(settings: AvlPrompterConfig, n: int, k: int, has_gpu: bool) -> Work:
    # Two networks; each looks at all images to sort them, then learns from trusted ones and from strongly
    # changed others, whose labels it first guesses from weakly changed ones.
    return Work(
        looks=4 * settings.epochs + 2,
        lessons=4 * settings.epochs,
        batch_size=2 * settings.batch_size,
        learns_weights=True,
        learns_text=True,
        prompts=settings.n_context,
        text_tokens=k * (NAME_TOKENS + 4),
        copies=2,
    )


def _turn(settings: TurnConfig, n: int, k: int, has_gpu: bool) -> Work:
    return Work(
        looks=settings.epochs + 1,
        lessons=settings.epochs,
        head_lessons=settings.probe_epochs,
        batch_size=settings.batch_size,
        learns_weights=_trains_weights(settings.adapter),
        copies=int(_trains_weights(settings.adapter)),
        views=1,
    )


def _loss_gmm(settings: LossGmmConfig, n: int, k: int, has_gpu: bool) -> Work:
    sorted_epochs = max(settings.epochs - settings.warm_up, 0) if settings.trains_on == "selected" else 0
    return Work(
        looks=sorted_epochs + 1,
        lessons=settings.epochs,
        batch_size=settings.batch_size,
        learns_weights=_trains_weights(settings.adapter),
        copies=int(_trains_weights(settings.adapter)),
        prompts=settings.prompt_length if settings.adapter == "vpt" else 0,
    )


def _small_loss(settings: SmallLossConfig, n: int, k: int, has_gpu: bool) -> Work:
    return Work(
        looks=1,
        lessons=settings.epochs,
        batch_size=settings.batch_size,
        learns_weights=_trains_weights(settings.adapter),
        copies=int(_trains_weights(settings.adapter)),
        prompts=settings.prompt_length if settings.adapter == "vpt" else 0,
    )


def _probe(settings: ProbeConfig, n: int, k: int, has_gpu: bool) -> Work:
    return Work(head_lessons=settings.epochs, batch_size=settings.batch_size)


def _dividemix(settings: DividemixConfig, n: int, k: int, has_gpu: bool) -> Work:
    # Two classifiers, two views of each labelled and of each unlabelled sample.
    return Work(
        looks=settings.views,
        views=settings.views,
        head_lessons=2 * settings.epochs,
        batch_size=settings.batch_size,
    )


def _maple(settings: MapleConfig, n: int, k: int, has_gpu: bool) -> Work:
    return Work(
        looks=1,
        lessons=settings.epochs,
        batch_size=settings.batch_size,
        learns_weights=settings.train_encoders,
        learns_text=settings.train_encoders,
        prompts=settings.n_context,
        text_tokens=k * (NAME_TOKENS + 4),
        copies=int(settings.train_encoders),
    )


def _coop(settings: CoopConfig, n: int, k: int, has_gpu: bool) -> Work:
    text = k * NAME_TOKENS + 1 + settings.context_length
    if settings.train_encoders:
        return Work(
            looks=1,
            lessons=settings.epochs,
            batch_size=settings.batch_size,
            learns_weights=True,
            learns_text=True,
            text_tokens=text,
            copies=1,
        )
    return Work(
        looks=settings.views,
        views=settings.views,
        head_lessons=settings.epochs,
        batch_size=settings.batch_size,
        text_tokens=text,
    )


def _static_prompt(settings: StaticPromptConfig, n: int, k: int, has_gpu: bool) -> Work:
    return Work(
        looks=1,
        lessons=settings.epochs,
        batch_size=settings.batch_size,
        learns_weights=True,
        learns_text=True,
        text_tokens=k * (NAME_TOKENS + 4),
        copies=1,
    )


def _trains_weights(kind: AdapterKind) -> bool:
    return kind in ("blocks", "full")


WORK: dict[str, Callable[[Any, int, int, bool], Work]] = {
    "transition": _transition,
    "crossfit": _crossfit,
    "ensemble": _ensemble,
    "deft": _deft,
    "avl_prompter": _avl_prompter,
    "turn": _turn,
    "dividemix": _dividemix,
    "loss_gmm": _loss_gmm,
    "small_loss": _small_loss,
    "probe": _probe,
    "maple": _maple,
    "coop": _coop,
    "static_prompt": _static_prompt,
    "knn": _nothing,
    "label_match": _nothing,
}
"""Every detector has its entry; a new one brings its own."""
