"""The drawn world is an exact function of concept and seed, and its masks and captions tell the truth."""

import numpy as np
import pytest
from PIL import Image

from assets.build.drawn import CONCEPTS, Facts, caption, draw_nothing, draw_scene, draw_unusable
from assets.build.drawn.backgrounds import KINDS, TONES
from assets.build.drawn.captions import STYLES, WHERE
from assets.build.drawn.colours import WORDS
from assets.build.drawn.style import MODES

NAMES = sorted(CONCEPTS)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=float)


def test_there_are_enough_concepts_and_they_come_in_groups_of_look_alikes() -> None:
    groups = [concept.looks_like for concept in CONCEPTS.values()]

    assert len(CONCEPTS) >= 48
    assert sum(groups.count(group) >= 2 for group in set(groups)) >= 15


def test_the_tables_of_words_agree() -> None:
    assert set(STYLES) == set(MODES)
    assert set(WHERE) == {*KINDS, "sea"}
    assert all(set(concept.colours) <= set(WORDS) for concept in CONCEPTS.values())
    assert sum(MODES.values()) == pytest.approx(1)
    assert sum(KINDS.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_draws_the_same_picture(name: str) -> None:
    first, second, other = draw_scene(name, 3, 64), draw_scene(name, 3, 64), draw_scene(name, 4, 64)

    assert first.image.tobytes() == second.image.tobytes()
    assert first.mask.tobytes() == second.mask.tobytes()
    assert first.facts == second.facts
    assert first.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_an_object_fills_a_fair_share_of_the_frame_at_both_sizes(name: str) -> None:
    for seed in (11,):
        small, large = draw_scene(name, seed, 64), draw_scene(name, seed, 192)
        for scene, size in ((small, 64), (large, 192)):
            assert scene.image.size == scene.mask.size == (size, size)
            assert (scene.image.mode, scene.mask.mode) == ("RGB", "L")
            assert 0.04 <= pixels(scene.mask).mean() / 255 <= 0.75, (seed, size)
        reduced = pixels(large.image.resize((64, 64), Image.Resampling.BOX))
        assert np.abs(reduced - pixels(small.image)).mean() < 6, seed
        assert (
            np.abs(pixels(large.mask.resize((64, 64), Image.Resampling.BOX)) - pixels(small.mask)).mean() < 5
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_mask_lies_on_what_differs_from_the_background(name: str) -> None:
    """Over several seeds the colours on the mask differ from those of the frame's other pixels."""
    contrast = []
    for seed in range(20, 24):
        scene = draw_scene(name, seed, 64)
        image, mask = pixels(scene.image), pixels(scene.mask) / 255
        outside = np.median(image[mask < 0.02], axis=0)
        difference = np.abs(image - outside).mean(axis=2)
        contrast.append(difference[mask > 0.98].mean() - difference[mask < 0.02].mean())
    assert np.mean(contrast) > 12
    assert sum(value > 0 for value in contrast) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_no_two_seeds_look_alike(name: str) -> None:
    scenes = [pixels(draw_scene(name, seed, 64).image) for seed in range(30, 33)]

    for i, scene in enumerate(scenes):
        assert all(np.abs(scene - other).mean() > 8 for other in scenes[:i])


def test_a_picture_of_nothing_and_an_unusable_one_are_deterministic() -> None:
    for draw in (draw_nothing, draw_unusable):
        for seed in range(6):
            image = draw(seed, 64)
            assert (image.mode, image.size) == ("RGB", (64, 64))
            assert image.tobytes() == draw(seed, 64).tobytes()
        assert len({draw(seed, 64).tobytes() for seed in range(6)}) > 3


@pytest.mark.parametrize("name", NAMES)
def test_every_caption_names_the_concept(name: str) -> None:
    facts, rng = draw_scene(name, 5, 64).facts, np.random.default_rng(0)
    wordings = {caption(facts, rng) for _ in range(160)}

    assert len(wordings) >= 30
    assert {f"a picture of {a}" for a in _with_article(name)} & wordings or {name, name + "."} & wordings
    for text in wordings:
        assert any(word in text.lower() for word in (name, *CONCEPTS[name].synonyms)), text
        assert not any(flaw in text for flaw in ("{", "  ", "a a "))


def test_captions_say_only_what_the_facts_say() -> None:
    facts = Facts("cat", "gray", "small", "striped", "pink", "sketch", mirrored=False, occluded=False)
    rng = np.random.default_rng(0)
    text = " ".join(caption(facts, rng) for _ in range(400))

    assert "gray cat" in text
    assert "sketch" in text
    assert "stripe" in text
    assert not any(word in text for word in ("large", "left", "hill", *(set(TONES) - {"pink", "gray"})))


def _with_article(name: str) -> tuple[str, ...]:
    return f"a {name}", f"an {name}", name
