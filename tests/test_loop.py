"""The loop on real images, headless: folder or table in, decisions made, corrected table out."""

import csv
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.artifacts import read_scores
from reviewer.desk import Desk
from reviewer.export import COLUMNS
from reviewer.store import Store
from reviewer.workspace import open_workspace
from tests.driver import CIFAR, SMALL_CLIP, reviewer, write_digits

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not SMALL_CLIP.is_dir(), reason="the small CLIP is not beside the checkout"),
]
N_DECISIONS = 200
STATUS = {"keep": "kept", "relabel": "relabelled", "skip": "skipped", "bad_image": "bad_image"}


def auroc(p_clean: np.ndarray, is_wrong: np.ndarray) -> float:
    """Return the probability that a wrong label has a lower p_clean than a right one."""
    ranks = np.empty(len(p_clean))
    ranks[np.argsort(p_clean, kind="stable")] = np.arange(1, len(p_clean) + 1)
    n_wrong = int(is_wrong.sum())
    n_right = len(is_wrong) - n_wrong
    return float((ranks[~is_wrong].sum() - n_right * (n_right + 1) / 2) / (n_wrong * n_right))


def write_cifar(folder: Path) -> dict[str, tuple[str, str]]:
    """Write the 5,000 images as PNG and the human labels as a table; return file → (given, true)."""
    with np.load(CIFAR) as data:
        images, names = data["images"], [str(name) for name in data["class_names"]]
        given, true = data["noisy_c10n_worse"], data["clean"]
    (folder / "images").mkdir(parents=True)
    labels = {}
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["worker", "file name", "label (worse)", "remark"])
        for number in range(len(images)):
            name = f"{number:05d}.png"
            Image.fromarray(images[number]).save(folder / "images" / name)
            labels[name] = (names[given[number]], names[true[number]])
            writer.writerow([number % 17, name, names[given[number]], f'says "{names[given[number]]}"; sure'])
    return labels


def first_auroc(workspace: Path, labels: dict[str, tuple[str, str]]) -> float:
    """Return the AUROC with which the workspace's first run finds the wrong labels."""
    run = next((workspace / "runs").iterdir())
    scores = read_scores(run)
    wrong = np.asarray([labels[sample][0] != labels[sample][1] for sample in scores.sample_ids.tolist()])
    return auroc(scores.p_clean, wrong)


def decide(workspace: Path, labels: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Work through the queue as a person who knows the truth; return sample → (status, corrected label)."""
    opened = open_workspace(workspace)
    expected: dict[str, tuple[str, str]] = {}
    with Store(opened.database) as store:
        desk = Desk(opened, store, "ada")
        for number in range(N_DECISIONS):
            card: dict[str, Any] = desk.cards(1, [])[0]
            given, true = labels[card["sample_id"]]
            outcome, chosen, now = ("keep", [], given) if given == true else ("relabel", [true], true)
            if number % 40 == 39:
                outcome, chosen, now = "bad_image", [], ""
            entry = {key: card[key] for key in ("position", "sample_id", "p_clean", "run")}
            entry |= {"id": uuid.uuid4().hex, "outcome": outcome, "labels": chosen, "seconds": 1.0}
            saved, refused = desk.record([entry], "ada")
            assert (len(saved), refused) == (1, [])
            expected[card["sample_id"]] = (STATUS[outcome], now)
        desk.close()
    return expected


def check_export(
    workspace: Path, source: bytes, delimiter: str, path: str, out: Path, expected: dict
) -> None:
    """Compare the exported table with the source and the decisions, cell by cell."""
    reviewer("export", workspace, out)
    before = list(csv.reader(source.decode().splitlines(), delimiter=delimiter))
    after = list(csv.reader(out.read_text(encoding="utf-8").splitlines(), delimiter=delimiter))
    assert after[0] == [*before[0], *COLUMNS]
    assert len(after) == len(before)
    width = len(before[0])
    seen = 0
    for row_before, row_after in zip(before[1:], after[1:], strict=True):
        assert row_after[:width] == row_before
        cells = dict(zip(COLUMNS, row_after[width:], strict=True))
        sample = row_before[before[0].index(path)]
        given = cells["given_label"]
        status, corrected = expected.get(sample, ("unreviewed", given))
        assert (cells["status"], cells["corrected_label"]) == (status, corrected)
        assert cells["annotator"] == ("ada" if sample in expected else "")
        seen += sample in expected
        score = {"kept": 1.0, "relabelled": 0.0}.get(status)
        if score is not None:
            assert float(cells["label_score"]) == score
        elif status == "unreviewed":
            assert 0.0 <= float(cells["label_score"]) <= 1.0
            assert cells["is_label_issue"] == str(float(cells["label_score"]) < 0.5)
    assert seen == N_DECISIONS


def test_digits_as_a_folder_from_images_to_a_corrected_table(tmp_path: Path) -> None:
    labels = write_digits(tmp_path / "photos", noise=0.2)
    workspace = tmp_path / "digits"
    reviewer("init", workspace, "--images", tmp_path / "photos", "--weights", SMALL_CLIP)
    reviewer("triage", workspace)
    assert first_auroc(workspace, labels) >= 0.95
    expected = decide(workspace, labels)
    source = (workspace / "source.csv").read_bytes()
    check_export(workspace, source, ",", "path", tmp_path / "out.csv", expected)


@pytest.mark.slow
@pytest.mark.skipif(not CIFAR.is_file(), reason="the CIFAR sample is not beside the checkout")
def test_cifar_as_a_table_from_images_to_a_corrected_table(tmp_path: Path) -> None:
    labels = write_cifar(tmp_path / "cifar")
    workspace = tmp_path / "workspace"
    table = tmp_path / "cifar" / "labels.csv"
    columns = ("--path-column", "file name", "--label-column", "label (worse)")
    images = tmp_path / "cifar" / "images"
    reviewer("init", workspace, "--images", images, "--labels", table, *columns, "--weights", SMALL_CLIP)
    reviewer("triage", workspace)
    assert first_auroc(workspace, labels) >= 0.89
    expected = decide(workspace, labels)
    check_export(workspace, table.read_bytes(), ";", "file name", tmp_path / "out.csv", expected)
