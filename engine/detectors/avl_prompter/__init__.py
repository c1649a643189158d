"""AVL-Prompter: two networks with shared deep prompts in both towers sort the labels for each other.

No code of the paper is public; methods §7 tells it from the paper and from the codes of MaPLe, DivideMix and
FixMatch. Two copies A and B of CLIP with coupled prompts (`engine.clip.coupled`), all weights of both towers
learning, no warm-up. In each epoch:

1. the losses of both networks on all samples; a mixture of each: w^A, w^B (`engine.mixture`);
2. A trains with X = {w^B ≥ τ}, U = the rest, B with the split of A;
3. their steps: L_x + λ_u·L_u + λ_r·L_r                 see `engine.detectors.avl_prompter.terms`

The answer, of both networks after the last epoch: p_clean = the mean of w^A and w^B, moved so that τ lies at
one half; the class posterior = the mean of both softmaxes; the embedding = the mean of both features.

Choices where the paper says nothing, or what cannot be meant (methods §7.4): λ_u = 1, λ_r = 1, constant; no
confidence threshold; one labelled sample for each unlabelled one; a cosine that falls with every step; the
towers at a tenth of the rate of prompts and couplings, gradients together up to 1; the logit scale stays; the
losses of five epochs are averaged only with τ above 1/2; weak augmentation of the stored squares; J at most
the number of blocks of the smaller tower. As in `dividemix`: a split that trusts nobody is replaced by the
best twentieth of each class, and where no mixture can be fitted a label counts as right if the network says
the same. What people settled trains both networks with their label, ambiguous samples with a soft one; it is
never guessed, and in no mixture (methods §12.3, §20). The steps of A and B come in turn and not one
network's after the other's, which changes nothing but the rates.
"""

from collections.abc import Sequence

import numpy as np
import torch

from engine.artifacts import Detection
from engine.checkpoint import Checkpoint, fingerprint
from engine.clip.backbone import Backbone
from engine.clip.names import Names
from engine.detectors import Inputs, softmax
from engine.detectors.avl_prompter.steps import NETWORKS, steps_of
from engine.detectors.avl_prompter.terms import Views, terms_of
from engine.detectors.deft import check_names, tell_of_names
from engine.detectors.deft.terms import read_labels
from engine.detectors.dividemix.split import Facts, Losses, labelled
from engine.draws import Draws
from engine.errors import EngineError
from engine.heads import detection
from engine.manifest import Manifest
from engine.progress import Report
from engine.prompted import Prompted, learn_coupled
from engine.runtime import Runtime, every_core
from engine.selection import Judgement, rescaled
from engine.settings import AvlPrompterConfig, DividemixConfig
from engine.training import Plan, train

AVERAGED = 5  # epochs, where the threshold asks for it
NAMES = "ab"  # of the networks


def detect(
    config: AvlPrompterConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train both networks and judge the labels by the losses of both.

    notes: reason (a sentence), epochs, selected (share of the undecided that trained with their label, last
    epoch), noise_rate (1 − mean w of the undecided), gmm_ok (whether both mixtures could be fitted),
    context_length, cut_names, temperature.
    """
    _check(config)
    check_names(manifest)
    networks = [_network(config, manifest, inputs, backbone, number) for number in NETWORKS]
    tell_of_names(manifest, networks[0].names, inputs.classes, report)
    draws = Draws(manifest.sample_ids, inputs.seed)
    labels = read_labels(manifest, backbone.runtime.device)
    is_settled = labels.is_settled.cpu().numpy()
    facts = Facts(given=manifest.given, n_classes=manifest.n_classes, is_settled=is_settled)
    losses = Losses(_averages(config), facts)
    is_labelled = [np.zeros(len(manifest), dtype=bool) for _ in NETWORKS]

    def batches_of(epoch: int) -> list[np.ndarray]:
        logits_HNK = [_look(network, inputs, report)[1] for network in networks]
        found = losses.judge(logits_HNK, keep=True)
        for number in NETWORKS:
            is_labelled[number][:] = labelled(found[1 - number], facts)
        return steps_of(is_labelled, draws, epoch, config.batch_size)

    views = Views(config=config, pixels=inputs.pixels, sample_ids=manifest.sample_ids, seed=inputs.seed)
    key = fingerprint(manifest, "avl_prompter", config.model_dump(), backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    with every_core():
        history = train(
            {
                f"{NAMES[number]}.{name}": value
                for number in NETWORKS
                for name, value in networks[number].parameters.items()
            },
            terms_of(config, networks, views, labels, is_labelled),
            batches_of,
            plan(config),
            Checkpoint(inputs.run_dir, key),
            report,
            memory=losses.memory,
            figures_of=lambda epoch: {"same_split": float((is_labelled[0] == is_labelled[1]).mean())},
        )
        report("stage", stage="scoring")
        looks = [_look(network, inputs, report) for network in networks]
    return _answer(config, manifest, networks[0].names, looks, losses, is_settled, history[-1].selected)


def plan(config: AvlPrompterConfig) -> Plan:
    """Return how both networks are trained."""
    return Plan(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        is_smooth=True,
        optimiser=config.optimiser,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        shares={f"{name}.tower.": config.tower_share for name in NAMES},
        longest_step=config.longest_step,
    )


def _answer(
    config: AvlPrompterConfig,
    manifest: Manifest,
    names: Names,
    looks: Sequence[tuple[np.ndarray, np.ndarray]],
    losses: Losses,
    is_settled: np.ndarray,
    selected: float | None,
) -> Detection:
    found = losses.judge([logits_NK for _, logits_NK in looks], keep=False)
    unfit = [each for each in found if not each.gmm_ok]
    undecided = np.mean([each.weight for each in found], axis=0)[~is_settled]
    return detection(
        manifest,
        agreed(found, config.threshold),
        np.mean([softmax(logits_NK) for _, logits_NK in looks], axis=0),
        np.mean([feature_ND for feature_ND, _ in looks], axis=0),
        {
            "reason": "two copies of CLIP with prompts in both towers, which sort the labels for each other; "
            f"labels judged by {(unfit or found)[0].told('a mixture of the losses of each')}",
            "epochs": config.epochs,
            "selected": selected,
            "noise_rate": 1.0 - float(undecided.mean()) if len(undecided) else 0.0,
            "gmm_ok": not unfit,
            "context_length": names.n_context,
            "cut_names": [manifest.class_names[k] for k in names.truncated],
        },
    )


def agreed(found: Sequence[Judgement], threshold: float) -> np.ndarray:
    """Return the mean of both answers with τ at one half, (N,) float32."""
    if all(each.gmm_ok for each in found):
        return rescaled(np.mean([each.weight for each in found], axis=0), threshold)
    # What stands in for a mixture has its threshold at one half already.
    return np.mean([each.p_clean for each in found], axis=0)


def _check(config: AvlPrompterConfig) -> None:
    if config.optimiser != "sgd" and config.learning_rate > 1e-3:
        raise EngineError(
            f"avl_prompter.learning_rate is {config.learning_rate:g}, and with {config.optimiser} every "
            "weight moves by about that much in the first step, which CLIP does not survive; set it to "
            "0.00001."
        )


def _network(
    config: AvlPrompterConfig, manifest: Manifest, inputs: Inputs, backbone: Backbone, number: int
) -> Prompted:
    """Return network A or B: the same weights, prompts and couplings of its own."""
    return learn_coupled(
        backbone,
        manifest.class_prompts,
        torch.Generator().manual_seed(len(NETWORKS) * inputs.seed + number),
        words=config.words,
        n_context=config.n_context,
        depth=config.depth,
        trains_towers=True,
        freeze_embeddings=config.freeze_embeddings,
    )


def _averages(config: AvlPrompterConfig) -> DividemixConfig:
    """Return what `Losses` has to know."""
    default = AVERAGED if config.threshold > 0.5 else 1
    return DividemixConfig(threshold=config.threshold, averaged_epochs=config.averaged_epochs or default)


def _look(network: Prompted, inputs: Inputs, report: Report) -> tuple[np.ndarray, np.ndarray]:
    """Return I, (N, D), and z, (N, K), of all pictures as they are; float32, without gradients."""
    feature_ND = network.all_image_features(inputs.pixels, batch_size=inputs.batch_size, report=report)
    return feature_ND, network.answers(feature_ND)
