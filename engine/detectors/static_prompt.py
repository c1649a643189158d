"""Static prompt: both towers of CLIP trained on every label around a prompt that stays (methods §1, §9).

    T_k = text("a photo of a name_k."),  z_ik = s·⟨I_i, T_k⟩,  L = CE(z_i, y_i), both towers learn

The row that AVL-Prompter's ablation calls zero-shot CLIP. It is not: 39,046 of 39,611 wrong labels are
learned by heart in it. Frozen CLIP with the same words is `label_match`.

Choices, where the paper says nothing: SGD at the rate that `avl_prompter` gives its towers, 0.002, with
gradients up to 1, batches of 64, cosine; ten epochs instead of sixty, since what is asked for is the time
before wrong labels are learned; every weight but the logit scale.
"""

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs
from engine.detectors.deft import check_names
from engine.draws import Draws
from engine.given_labels import Live, fit
from engine.manifest import Manifest
from engine.progress import Report
from engine.prompted import keep_words
from engine.runtime import Runtime
from engine.settings import StaticPromptConfig


def detect(
    config: StaticPromptConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train both towers and judge the labels by the final losses; notes as of `engine.given_labels.fit`."""
    check_names(manifest)
    clip = keep_words(
        backbone,
        manifest.class_prompts,
        words=config.words,
        freeze_embeddings=config.freeze_embeddings,
    )
    draws = Draws(manifest.sample_ids, inputs.seed)
    images = Live(clip=clip, inputs=inputs, draws=draws, report=report)
    what = f'both towers were trained around "{config.words} …"'
    return fit("static_prompt", what, config, clip, images, manifest, inputs, report)
