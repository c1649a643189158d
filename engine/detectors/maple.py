"""MaPLe: learned prompts in both towers, coupled, trained on every label (Khattak et al. 2023; methods §7.1).

    text prompts P^(j), image prompts F^(j)(P^(j)), j = 1 … J;  z_ik = s·⟨I_i, T_k⟩,  L = CE(z_i, y_i)

See `engine.clip.coupled` for the places. The vision-language row of AVL-Prompter's ablation, its prompts
without its semi-supervised training. Two vectors in each of nine layers, SGD 0.0035, cosine, batches of 4,
five epochs, the towers frozen, as published. With two vectors only "a photo" learns, "of a" stays words.

Choices: gradients up to 1 in place of a first epoch at a rate of 1e-5; our weak augmentation in place of
random crops of any size. With `train_encoders` both towers learn, too.
"""

import torch

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs
from engine.detectors.deft import check_names
from engine.draws import Draws
from engine.given_labels import Live, fit
from engine.manifest import Manifest
from engine.progress import Report
from engine.prompted import learn_coupled
from engine.runtime import Runtime
from engine.settings import MapleConfig


def detect(
    config: MapleConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train the prompts and judge the labels by the final losses; notes as of `engine.given_labels.fit`."""
    check_names(manifest)
    clip = learn_coupled(
        backbone,
        manifest.class_prompts,
        torch.Generator().manual_seed(inputs.seed),
        words=config.words,
        n_context=config.n_context,
        depth=config.depth,
        trains_towers=config.train_encoders,
    )
    draws = Draws(manifest.sample_ids, inputs.seed)
    images = Live(clip=clip, inputs=inputs, draws=draws, report=report)
    towers = ", and the towers themselves," if config.train_encoders else ""
    what = f"prompts in both towers{towers} were trained"
    return fit("maple", what, config, clip, images, manifest, inputs, report)
