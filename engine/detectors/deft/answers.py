"""What the trained prompts say of every sample (methods §4.2, §4.6)."""

from dataclasses import dataclass

import numpy as np
import torch

from engine.detectors import softmax
from engine.detectors.deft.terms import Prompts
from engine.detectors.label_match import margin_p_clean
from engine.manifest import Manifest
from engine.settings import DeftConfig
from engine.transition import fit_temperature, temper


@dataclass(frozen=True, kw_only=True)
class Answers:
    """p_clean: (N,) float32. own_chance: (N,) float32, p_{i,y}. probs: (N, K), rows sum to 1. embeddings:
    (N, D) float32, unit L2."""

    p_clean: np.ndarray
    own_chance: np.ndarray
    probs: np.ndarray
    embeddings: np.ndarray
    temperature: float


def answer(config: DeftConfig, manifest: Manifest, prompts: Prompts, features_ND: np.ndarray) -> Answers:
    """Return the answers for image features I, (N, D) float32, unit L2, unshifted."""
    with torch.inference_mode():
        texts = (prompts.features(each).cpu().numpy() for each in (prompts.positive, prompts.negative))
        scale = np.float32(prompts.backbone.logit_scale)
        positive_NK, negative_NK = (scale * (features_ND @ text_KD.T) for text_KD in texts)
    margin_NK = positive_NK - negative_NK
    own = own_chance(margin_NK, manifest.given)
    p_clean = smaller_chance(margin_NK, manifest.given) if config.noise == "real" else own
    probs_NK = softmax(positive_NK)
    known_rows, known_targets = manifest.known()
    temperature, _ = fit_temperature(
        probs_NK, manifest.given, known_rows=known_rows, known_targets=known_targets
    )
    return Answers(
        p_clean=p_clean,
        own_chance=own,
        probs=temper(probs_NK, temperature),
        embeddings=features_ND,
        temperature=temperature,
    )


def own_chance(margin_NK: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return p_{i,y} = σ(l⁺_y − l⁻_y), (N,) float32; margin: l⁺ − l⁻."""
    own = margin_NK[np.arange(len(given)), given].astype(np.float32)
    return 0.5 * (1.0 + np.tanh(0.5 * own))  # no overflow in the tails


def smaller_chance(margin_NK: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return min(p_{i,y}, σ(m_i)), (N,) float32, m: by how much the margin of y leads the others'.

    Above one half exactly where both rules for people's mistakes say yes (methods §4.6).
    """
    return np.minimum(own_chance(margin_NK, given), margin_p_clean(margin_NK, given))
