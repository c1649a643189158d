"""CoOp: learned words before the class names, trained on every label (Zhou et al. 2022; methods §9).

    T_k = text([SOT] [v_1] … [v_M] [name_k . EOT]),  z_ik = s·⟨I_i, T_k⟩,  L = CE(z_i, y_i)

The text-only row of AVL-Prompter's ablation. M = 16 vectors by chance, shared by all classes, the class
at the end; SGD 0.002, cosine, batches of 32, the towers frozen, as published. Since they are frozen, image
features are stored: of each picture and of some shifted and mirrored copies, one drawn for each epoch.

Choices: fewer epochs than the published 50 to 200, since what is asked for is the time before wrong labels
are learned; gradients up to 1, without which the words of small models can lose the class in the first
steps, in place of a first epoch at a rate of 1e-5; our weak augmentation in place of random crops of any
size. With `train_encoders` both towers learn, too, as the printed figures of the ablation suggest.
"""

import torch

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs
from engine.detectors.deft import check_names
from engine.detectors.deft.towers import Frozen
from engine.draws import Draws
from engine.given_labels import Images, Live, fit
from engine.manifest import Manifest
from engine.progress import Report
from engine.prompted import learn_context
from engine.runtime import Runtime
from engine.settings import CoopConfig, DeftConfig


def detect(
    config: CoopConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train the words and judge the labels by the final losses; notes as of `engine.given_labels.fit`."""
    check_names(manifest)
    clip = learn_context(
        backbone,
        manifest.class_prompts,
        torch.Generator().manual_seed(inputs.seed),
        n_context=config.context_length,
        trains_towers=config.train_encoders,
    )
    draws = Draws(manifest.sample_ids, inputs.seed)
    if config.train_encoders:
        images: Images = Live(clip=clip, inputs=inputs, draws=draws, report=report)
        what = "the words before the class names and both towers were trained"
    else:
        images = Frozen(DeftConfig(views=config.views), inputs, backbone, draws, report, "")
        what = "the words before the class names were trained"
    return fit("coop", what, config, clip, images, manifest, inputs, report)
