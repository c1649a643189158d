"""DeFT: a prompt for what an image of a class is, one for what it is not; a label is right when the first
is nearer (DeFT, NeurIPS 2024, phase 1; methods §4).

    p_ik = σ(l⁺_ik − l⁻_ik),  l⁺ = s·I·T⁺_k,  l⁻ = s·sg(I)·T⁻_k,  clean_i ⇔ p_{i,y_i} > 1/2
    L = L_dp + L_sim          see `engine.detectors.deft.terms`

Both prompts are learned contexts before the class name, shared by all classes; deep prompts in the image
tower are learned beside them (`tower = "vpt"`; or another adapter of methods §6), or the image features are
frozen and stored (`"frozen"`, methods §19). Everything else of CLIP is frozen.

Choices where paper, code and methods differ: the pair loss does not reach l⁺ and I, as in the code
(`detach_dp`); all samples feed the pair loss; a complementary class is drawn anew against the refined
target; one scoring pass with the final weights decides, not the masks of the last epoch; for people's
mistakes p_clean = min(p_{i,y}, σ(m_i)) with m_i the margin of (l⁺ − l⁻), methods §4.6, warm-up one epoch
and the cosine schedule, methods §19; float32 losses and master weights. Gradients longer than
`longest_gradient` are shortened, which the published code does not do: with its rate the contexts of small
models lose the class in the first steps. With `words` the positive context begins as words and not by chance.
Where the weights of the tower learn ("blocks", "full"), they do at the rate of phase 2, a sixtieth.
"""

from contextlib import nullcontext

import numpy as np
import torch

from engine.artifacts import Detection
from engine.checkpoint import Checkpoint, fingerprint
from engine.clip.backbone import Backbone
from engine.clip.names import Names, longest_context, read_names
from engine.clip.text import embed_words, is_plain_text, text_width
from engine.detectors import Inputs, pinned_p_clean
from engine.detectors.deft.answers import answer
from engine.detectors.deft.terms import Prompts, read_labels, terms_of
from engine.detectors.deft.towers import load_tower
from engine.draws import Draws
from engine.errors import EngineError
from engine.manifest import Manifest
from engine.progress import Report
from engine.runtime import Runtime, every_core
from engine.settings import DeftConfig
from engine.training import Plan, split, train

ALIKE = 0.97  # cosine of two class names above which their labels cannot be told apart by words
TOWER_SHARE = 1 / 60  # 0.0005 instead of 0.03 (methods §5.3)
SEVERE_RATE = 1 / 3  # 0.01 instead of 0.03 (DeFT, severe noise)


def detect(
    config: DeftConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train both prompts and return what they say of every sample.

    `probs` is softmax(l⁺) at the temperature with the highest evidence; `embeddings` are the features I.
    notes: reason (a sentence), tower, epochs, selected (share, last epoch), context_length, cut_names,
    temperature.
    """
    check_names(manifest)
    names = _names(config, manifest, backbone)
    tell_of_names(manifest, names, inputs.classes, report)
    draws = Draws(manifest.sample_ids, inputs.seed)
    tower = load_tower(config, inputs, backbone, draws, report)
    generator = torch.Generator().manual_seed(inputs.seed)
    positive = _context(backbone, names, generator, config.words)
    negative = _context(backbone, names, generator)
    parameters = {"positive": positive, "negative": negative, **tower.parameters(generator)}
    prompts = Prompts(backbone=backbone, names=names, positive=positive, negative=negative)
    labels = read_labels(manifest, backbone.runtime.device)
    key = fingerprint(manifest, "deft", config.model_dump(), tower.name, backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    checkpoint = Checkpoint(inputs.run_dir, key)
    with every_core() if tower.name != "frozen" else nullcontext():
        terms = terms_of(config, tower, prompts, labels, draws)
        history = train(
            parameters,
            terms,
            lambda epoch: split(draws.order(epoch), config.batch_size),
            _plan(config, tower.name),
            checkpoint,
            report,
        )
    report("stage", stage="scoring")
    found = answer(config, manifest, prompts, tower.final())
    return Detection(
        p_clean=pinned_p_clean(found.p_clean, manifest),
        probs=found.probs,
        embeddings=found.embeddings,
        suggested=found.probs.argmax(axis=1),
        suggested_probability=found.probs.max(axis=1),
        own_chance=found.own_chance,
        notes={
            "reason": f"{tower.reason}; {config.epochs} epochs",
            "tower": tower.name,
            "epochs": config.epochs,
            "selected": history[-1].selected,
            "context_length": names.n_context,
            "cut_names": [manifest.class_names[k] for k in names.truncated],
            "temperature": found.temperature,
        },
    )


def _plan(config: DeftConfig, tower: str) -> Plan:
    return Plan(
        shares={"tower.": TOWER_SHARE} if tower in ("blocks", "full") else {},
        epochs=config.epochs,
        learning_rate=config.learning_rate * (SEVERE_RATE if config.noise == "severe" else 1.0),
        schedule=config.schedule,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        longest_gradient=config.longest_gradient,
    )


def check_names(manifest: Manifest) -> None:
    """Raise EngineError where two classes are read alike (methods §14.3)."""
    seen: dict[str, str] = {}
    for name, prompt in zip(manifest.class_names, manifest.class_prompts, strict=True):
        words = " ".join(prompt.replace("_", " ").lower().split())
        if words in seen:
            raise EngineError(
                f"The classes {seen[words]!r} and {name!r} are both read as {words!r}, so that no prompt can "
                "tell them apart; give one of them another prompt in workspace.toml."
            )
        seen[words] = name


def tell_of_names(manifest: Manifest, names: Names, text_KD: np.ndarray, report: Report) -> None:
    """Say which names are cut, and which two mean nearly the same to the model (methods §14.3)."""
    if names.truncated:
        listed = ", ".join(repr(manifest.class_names[k]) for k in names.truncated[:3])
        report(
            "note",
            message=f"The model reads only the beginning of {len(names.truncated)} class names ({listed}); "
            "give them shorter prompts in workspace.toml.",
        )
    alike_KK = np.triu(text_KD @ text_KD.T, k=1)
    first, second = np.unravel_index(int(alike_KK.argmax()), alike_KK.shape)
    if alike_KK[first, second] > ALIKE:
        a, b = manifest.class_names[first], manifest.class_names[second]
        report(
            "note",
            message=f"{a!r} and {b!r} mean nearly the same to the model (similarity "
            f"{alike_KK[first, second]:.2f}), so words hardly tell them apart; describe them in their "
            "prompts.",
        )


def _names(config: DeftConfig, manifest: Manifest, backbone: Backbone) -> Names:
    """Return the class names as tokens, after as long a context as is asked for and leaves room for them."""
    if not is_plain_text(backbone.model):
        raise EngineError(
            f"The text side of {backbone.name} is not CLIP's, whose prompts deft learns; take a CLIP."
        )
    prompts, length = manifest.class_prompts, backbone.context_length
    room = max(1, longest_context(backbone.tokenizer, prompts, length))
    n_context = min(config.context_length, room)
    return read_names(backbone.tokenizer, prompts, n_context=n_context, context_length=length)


def _context(backbone: Backbone, names: Names, generator: torch.Generator, words: str = "") -> torch.Tensor:
    """Return M context vectors, N(0, 0.02²), as CoOp begins; the last ones as `words`, if any."""
    context_MW = 0.02 * torch.randn((names.n_context, text_width(backbone.model)), generator=generator)
    context_MW = context_MW.to(backbone.runtime.device)
    if words:
        tokens = backbone.tokenizer.encode(words)[-names.n_context :]
        word_LW = embed_words(backbone.model, torch.tensor(tokens, device=context_MW.device))
        context_MW[len(context_MW) - len(word_LW) :] = word_LW
    return context_MW.requires_grad_()
