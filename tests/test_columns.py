"""The columns: what is laid out of kept cells, and the reliability diagrams."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import columns
from benchmarks.calibration import Diagram, draw
from engine.errors import EngineError

SVG = "{http://www.w3.org/2000/svg}"


def cell(
    *bins: tuple[int, float | None, float | None], ece: float = 0.02, **figures: float
) -> dict[str, Any]:
    names = ("count", "mean_p_clean", "share_clean")
    found = [dict(zip(names, each, strict=True)) for each in bins]
    return {"f1": 0.9, "average_precision": 0.8, "ece": ece, "seconds": 12.0, "reliability": found} | figures


def test_the_bins_of_all_seeds_are_one_diagram() -> None:
    first = cell((30, 0.1, 0.2), (0, None, None), ece=0.01)
    second = cell((10, 0.3, 0.6), (5, 0.9, 1.0), ece=0.03)
    found = columns.diagram("sym", [first, second])
    assert found.title == "sym: ECE 0.020"
    np.testing.assert_array_equal(found.counts, [40, 5])
    np.testing.assert_allclose(found.chance, [0.15, 0.9])
    np.testing.assert_allclose(found.right, [0.3, 1.0])


def test_a_diagram_has_a_circle_for_each_bin_with_labels_where_it_belongs() -> None:
    one = Diagram(
        title="<x> & y",
        chance=np.asarray([0.25, 0.0, 1.0]),
        right=np.asarray([0.5, 0.0, 1.0]),
        counts=np.asarray([100, 0, 400]),
    )
    drawn = ET.fromstring(draw([one, one, one], columns=2))
    panels = drawn.findall(f"{SVG}g")
    assert len(panels) == 3
    assert "".join(panels[0].find(f"{SVG}text").itertext()) == "<x> & y"  # type: ignore[union-attr]
    circles = [
        {key: float(each.get(key, "")) for key in ("cx", "cy", "r")}
        for each in panels[0].iter(f"{SVG}circle")
    ]
    assert len(circles) == 2
    level = next(each for each in panels[0].iter(f"{SVG}line") if each.get("class") == "level")
    x_from, x_to, y_from, y_to = (float(level.get(key, "")) for key in ("x1", "x2", "y1", "y2"))
    low, high = circles
    assert (high["cx"], high["cy"]) == (x_to, y_to)
    assert low["cx"] == pytest.approx(x_from + 0.25 * (x_to - x_from))
    assert low["cy"] == pytest.approx(y_from + 0.5 * (y_to - y_from))
    assert high["r"] == pytest.approx(2 * low["r"], abs=0.1)  # four times the labels, four times the area


def test_settings_belong_to_the_detector_that_they_name() -> None:
    found = columns.read_settings(["crossfit.epochs=3", "turn.adapter=lora", "crossfit.tower=frozen"])
    assert found == {"crossfit": {"epochs": 3, "tower": "frozen"}, "turn": {"adapter": "lora"}}


def test_cells_are_computed_once_and_laid_out_with_their_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, int]] = []

    def evaluate(dataset: str, settings: dict[str, Any], *, cache: Path | None) -> dict[str, Any]:
        assert cache is None  # each cell takes the time of a first run
        asked.append((dataset, settings["seed"]))
        if settings["seed"] == 2:
            raise EngineError("It did not fit.")
        return cell((10, 0.5, 0.5), f1=0.8 + 0.1 * settings["seed"])

    monkeypatch.setattr(columns, "evaluate", evaluate)
    monkeypatch.setattr(columns, "read_dataset", lambda path, labels: labels)
    diagrams = tmp_path / "d.svg"
    words = ["columns", str(tmp_path / "cells"), "--detectors", "knn", "--labels", "a,b", "--seeds", "0,1,2"]
    monkeypatch.setattr(sys, "argv", [*words, "--diagrams", str(diagrams)])
    columns.main()
    printed = capsys.readouterr().out
    assert "| knn | a | 0.850 ± 0.071 | 0.800 ± 0.000 | 0.020 ± 0.000 | 12 ± 0 |" in printed
    assert len(ET.fromstring(diagrams.read_text()).findall(f"{SVG}g")) == 2
    assert sorted(asked) == [(each, seed) for each in "ab" for seed in (0, 1, 2)]
    asked.clear()
    columns.main()
    assert asked == [("a", 2), ("b", 2)]  # only what failed is tried again
