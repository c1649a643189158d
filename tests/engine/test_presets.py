import pytest

from engine.config import parse
from engine.costs import Speed, estimate, image_macs, read_speed
from engine.presets import PRESETS
from engine.settings import DETECTORS, DeftConfig, KnnConfig, TransitionConfig
from engine.work import WORK

VIT_B16 = {
    "images": 100,
    "seconds": 10.0,
    "parameters": 149_600_000,
    "image_size": 224,
    "tokens": 197,
    "width": 768,
    "layers": 12,
    "device": "cpu",
    "dtype": "float32",
}
LAPTOP = Speed(**VIT_B16)
GPU = Speed(**{**VIT_B16, "seconds": 0.1, "device": "cuda", "dtype": "bfloat16"})


def deft(n: int = 1000, k: int = 10, speed: Speed = LAPTOP, **settings: object):
    made = estimate("deft", DeftConfig(**settings), n, k, speed)  # type: ignore[arg-type]
    assert made is not None
    return made


def test_every_preset_is_a_detector_with_settings_that_it_takes():
    for preset in PRESETS:
        parse(DETECTORS[preset.detector], preset.settings, preset.key)
        assert preset.words.endswith(".")
    assert [preset.key for preset in PRESETS] == ["instant", "laptop", "gpu"]


@pytest.mark.parametrize("detector", DETECTORS)
def test_every_detector_has_a_cost(detector: str):
    assert set(WORK) == set(DETECTORS)
    settings = DETECTORS[detector]()
    assert estimate(detector, settings, 1000, 10, None) is None
    small = estimate(detector, settings, 1000, 10, LAPTOP)
    large = estimate(detector, settings, 100_000, 100, LAPTOP)
    assert small is not None
    assert large is not None
    assert 1 < small.seconds < large.seconds
    assert 1e9 < small.bytes < large.bytes  # the weights alone are 0.6 GB


@pytest.mark.parametrize(
    "fault",
    [
        None,
        {},
        [],
        "fast",
        {**VIT_B16, "seconds": 0},
        {**VIT_B16, "images": -1},
        {**VIT_B16, "width": "wide"},
    ],
)
def test_a_speed_that_makes_no_sense_is_none(fault: object):
    assert read_speed(fault) is None


def test_a_speed_is_read_as_a_run_leaves_it():
    speed = read_speed({**VIT_B16, "more": "of a later version"})
    assert speed == LAPTOP
    assert (LAPTOP.per_image, LAPTOP.has_gpu, GPU.has_gpu) == (0.1, False, True)
    numbered = read_speed({**VIT_B16, "device": "cuda:0"})
    assert numbered is not None
    assert numbered.has_gpu


def test_a_tower_that_is_no_plain_vit_is_reckoned_as_one():
    speed = read_speed({**VIT_B16, "tokens": None, "width": None, "layers": None})
    assert speed == LAPTOP


def test_the_arithmetic_of_an_image_is_that_of_the_papers_tower():
    assert image_macs(LAPTOP) / 1e9 == pytest.approx(17.5, rel=0.01)  # methods §13.1
    assert image_macs(LAPTOP, 20) / 1e9 == pytest.approx(19.4, rel=0.01)


def test_the_frozen_tower_looks_once_at_each_view():
    none, four, eight = (deft(tower="frozen", views=views).seconds for views in (0, 4, 8))
    assert four - none == pytest.approx(4 * 1000 * 0.1)
    assert eight - four == pytest.approx(4 * 1000 * 0.1)


def test_prompts_in_the_tower_cost_two_passes_an_epoch_and_one_to_score():
    five, ten = (deft(tower="vpt", epochs=epochs) for epochs in (5, 10))
    more = image_macs(LAPTOP, 20) / image_macs(LAPTOP)
    training = 2 * 5 * 1000 * 0.1 * more
    assert training < ten.seconds - five.seconds < 1.2 * training  # and the text tower
    assert ten.seconds > 21 * 1000 * 0.1 * more


def test_the_memory_of_training_is_that_of_the_cost_model():
    # Methods §13.4: B/16 with 20 prompts, 64 images, bfloat16 activations: 2.8 GB beside the weights.
    small, large = (deft(tower="vpt", batch_size=size, speed=GPU).bytes for size in (64, 128))
    assert (large - small) / 1e9 == pytest.approx(2.8, rel=0.02)
    assert deft(tower="vpt").bytes > deft(tower="frozen").bytes
    assert deft(tower="vpt", speed=LAPTOP).bytes > deft(tower="vpt", speed=GPU).bytes  # float32


def test_auto_is_what_the_machine_makes_it():
    assert deft(tower="auto") == deft(tower="frozen")
    assert deft(tower="auto", speed=GPU) == deft(tower="vpt", speed=GPU)


def test_more_classes_and_smaller_batches_take_longer():
    assert deft(tower="frozen", k=1000).seconds > deft(tower="frozen", k=10).seconds
    assert deft(tower="frozen", batch_size=8).seconds > deft(tower="frozen", batch_size=64).seconds


def test_the_probe_costs_what_is_asked_of_it():
    zero, few, many = (
        estimate("transition", TransitionConfig(**settings), 50_000, 100, LAPTOP)  # type: ignore[arg-type]
        for settings in ({"posterior": "zero_shot"}, {"folds": 2}, {"folds": 10})
    )
    assert zero is not None
    assert few is not None
    assert many is not None
    assert zero.seconds < few.seconds < many.seconds
    assert zero == estimate("knn", KnnConfig(), 50_000, 100, LAPTOP)
