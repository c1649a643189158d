"""The demo is as its plan says: how many, how large, what is wrong with it, and nobody told."""

import csv
import io
import os
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from assets.build.make_demo import (
    DEMO,
    FIRST_SEED,
    LOOK_ALIKES,
    N_PICTURES,
    Entry,
    draw_entry,
    plan_demo,
    read_truth,
)
from assets.build.pictures import CHECK_SEEDS, LEARN_SEEDS
from reviewer.demo import N_SHOWN, demo_pictures

TRUTH = read_truth()
SHOWN = [entry for entry in TRUTH if entry.true_label in LOOK_ALIKES]


def test_the_truth_is_the_plan_and_the_table_tells_nothing_else() -> None:
    assert plan_demo() == TRUTH
    with (DEMO / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["path", "label"], *([entry.path, entry.label] for entry in TRUTH)]
    here = {path.relative_to(DEMO).as_posix() for path in DEMO.rglob("*") if path.is_file()}
    assert here == {"labels.csv", *(entry.path for entry in TRUTH)}


def test_what_is_wrong_is_as_much_as_the_issue_asks_for() -> None:
    kinds = Counter(entry.kind for entry in TRUTH)
    assert len(TRUTH) == N_PICTURES == 1500
    assert len(LOOK_ALIKES) == 12
    assert kinds["uniform"] == kinds["look_alike"] == 150
    assert (kinds["no_class"], kinds["unusable"]) == (30, 15)
    assert sum(entry.duplicate_of != "" for entry in TRUTH) == 45
    assert {entry.label for entry in TRUTH} == set(LOOK_ALIKES)


def test_each_kind_of_wrong_label_is_what_it_is_called() -> None:
    for entry in TRUTH:
        match entry.kind:
            case "clean":
                assert entry.label == entry.true_label == entry.concept
            case "uniform":
                assert entry.label != entry.true_label == entry.concept
            case "look_alike":
                assert entry.label in LOOK_ALIKES[entry.true_label]
            case "no_class":
                assert entry.true_label == "out_of_scope"
                assert entry.concept not in LOOK_ALIKES
            case "unusable":
                assert entry.true_label == "bad_image"


def test_classes_are_about_equal_and_wrong_labels_are_spread() -> None:
    assert max(Counter(e.true_label for e in SHOWN).values()) < 1.2 * len(SHOWN) / 12
    wrong = Counter(entry.true_label for entry in SHOWN if entry.label != entry.true_label)
    assert min(wrong.values()) >= 8


def test_the_start_page_shows_good_pictures() -> None:
    by_path = {entry.path: entry for entry in TRUTH}
    shown = [by_path[path.relative_to(DEMO).as_posix()] for path in demo_pictures()]
    assert len(shown) == N_SHOWN
    assert {entry.kind for entry in shown} == {"clean"}
    assert len({entry.true_label for entry in shown}) >= 10


def test_the_model_has_seen_none_of_them() -> None:
    seeds = {entry.seed for entry in TRUTH}
    assert min(seeds) >= FIRST_SEED > max(LEARN_SEEDS)
    assert seeds.isdisjoint(CHECK_SEEDS)


def test_files_are_large_enough_to_look_at_and_small_enough_to_ship() -> None:
    sizes = []
    for entry in TRUTH:
        with Image.open(DEMO / entry.path) as image:
            assert image.format == "JPEG"
            assert min(image.size) >= 192
            assert not image.getexif()
        sizes.append(os.path.getsize(DEMO / entry.path))
    assert sum(sizes) <= 12_000_000


@pytest.mark.parametrize("kind", ["clean", "no_class", "unusable", "copy"])
def test_it_is_drawn_again_from_its_truth(kind: str) -> None:
    """To within what another build of the JPEG library may make of the same picture."""
    chosen = [e for e in TRUTH if (kind == "copy") == bool(e.duplicate_of) and kind in ("copy", e.kind)][:3]
    assert chosen
    for entry in chosen:
        drawn, kept = decoded(draw_entry(entry)), decoded((DEMO / entry.path).read_bytes())
        assert np.abs(drawn - kept).mean() < 1, entry.path


def test_near_duplicates_are_near_and_no_copies() -> None:
    by_path = {entry.path: entry for entry in TRUTH}
    for entry in [entry for entry in TRUTH if entry.duplicate_of][:10]:
        original = by_path[entry.duplicate_of]
        assert (original.true_label, original.seed) == (entry.true_label, entry.seed)
        mine = small(entry)
        assert 0.1 < np.abs(mine - small(original)).mean() < 25
        others = [e for e in SHOWN if e.seed != entry.seed and e.true_label == entry.true_label][:20]
        assert likeness(mine, small(original)) > max(likeness(mine, small(other)) for other in others)


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def small(entry: Entry) -> np.ndarray:
    with Image.open(DEMO / entry.path) as image:
        return np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BOX), dtype=float)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
