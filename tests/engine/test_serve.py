"""The second door: questions and answers as JSON lines."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.attention import class_maps
from engine.clip.backbone import load_backbone
from engine.config import BackboneConfig
from engine.pixels import square
from engine.runtime import pick_runtime
from engine.serve import serve
from tests.driver import write_random_clip
from tests.engine.conftest import REPOSITORY, make_manifest, write_run

ASK = {"op": "attention", "path": "s000.png", "classes": ["red", "blue"]}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six pictures that nobody has started, with a tiny CLIP."""
    folder = tmp_path_factory.mktemp("door")
    clip = write_random_clip(folder / "clip")
    made = write_run(folder / "runs", make_manifest([0, 1, 2, 0, 1, 2]), str(clip))
    wide = np.zeros((48, 96, 3), np.uint8)
    wide[:, 40:60] = 200
    Image.fromarray(wide).save(folder / "images" / "wide.png")
    (folder / "images" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (folder / "secret.png").write_bytes((folder / "images" / "s000.png").read_bytes())
    return made


def asked(run_dir: Path, *questions: Any) -> list[dict[str, Any]]:
    """Ask in this process; a question is a value, or a line as bytes."""
    lines = [
        q if isinstance(q, bytes) else json.dumps({"id": n, **q}).encode() for n, q in enumerate(questions)
    ]
    answers = io.BytesIO()
    serve(run_dir, [line + b"\n" for line in lines], answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


class Door:
    """`python -m engine serve` as a process."""

    def __init__(self, run_dir: Path, *, code: str | None = None) -> None:
        command = ["-c", code] if code else ["-P", "-m", "engine", "serve", str(run_dir)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=run_dir,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def door(run_dir: Path) -> Iterator[Door]:
    opened = Door(run_dir)
    yield opened
    opened.process.kill()
    opened.process.communicate()


def test_a_process_answers_line_by_line_until_its_input_ends(door: Door, run_dir: Path):
    assert door.ask(id=1, op="ping") == {"id": 1, "pong": True, "loaded": False}
    answer = door.ask(id="a", **ASK)
    assert (answer["id"], answer["size"]) == ("a", 32)
    assert np.asarray(answer["maps"]).shape == (2, 4, 4)
    assert door.ask(id=2, op="ping")["loaded"] is True
    assert "error" in door.ask(id=3, op="dance")
    assert door.ask(id=4, **ASK)["maps"] == answer["maps"]
    rest, words = door.process.communicate(timeout=60)  # closes its input
    assert (rest, door.process.returncode) == ("", 0)
    assert "Traceback" not in words


def test_what_something_else_prints_does_not_reach_the_protocol(run_dir: Path):
    code = f"""
import os, sys
from pathlib import Path
from engine.serve import OPERATIONS, protocol_output, serve
def chatty(door, question):
    print("in the way")
    os.write(1, b"from below\\n")
    return {{"pong": True}}
OPERATIONS["ping"] = chatty
with protocol_output() as answers:
    serve(Path({str(run_dir)!r}), sys.stdin.buffer, answers)
"""
    door = Door(run_dir, code=code)
    assert door.ask(id=1, op="ping") == {"id": 1, "pong": True}
    rest, words = door.process.communicate(timeout=60)
    assert rest == ""
    assert "in the way" in words
    assert "from below" in words


def test_attention_is_that_of_the_engine_for_a_wide_picture(run_dir: Path):
    (answer,) = asked(run_dir, {**ASK, "path": "wide.png", "classes": ["blue", "red", "green"]})
    config = BackboneConfig(weights=str(run_dir.parent / "clip"))
    backbone = load_backbone(config, pick_runtime("cpu"))
    with Image.open(run_dir.parent / "images" / "wide.png") as picture:
        pixels = np.stack([square(picture.convert("RGB"), 32)])
    features = backbone.class_features(["red", "green", "blue"])
    expected = class_maps(backbone, pixels, features, np.asarray([[2, 0, 1]]))[0]
    np.testing.assert_allclose(answer["maps"], expected, atol=1e-4)
    assert expected.max() == pytest.approx(1.0)


def test_a_sample_is_named_by_its_id_or_its_path(run_dir: Path):
    by_path, by_id = asked(run_dir, ASK, {"op": "attention", "sample_id": "s000", "classes": ["red", "blue"]})
    assert by_id["maps"] == by_path["maps"]


def test_texts_and_images_become_unit_vectors_of_the_backbone(run_dir: Path):
    texts, image = asked(
        run_dir,
        {"op": "embed_text", "texts": ["a red barn", "blue"]},
        {"op": "embed_image", "path": "s001.png"},
    )
    backbone = load_backbone(BackboneConfig(weights=str(run_dir.parent / "clip")), pick_runtime("cpu"))
    np.testing.assert_allclose(texts["features"], backbone.class_features(["a red barn", "blue"]), atol=1e-6)
    assert np.linalg.norm(image["features"]) == pytest.approx(1.0, abs=1e-5)
    assert len(image["features"]) == 64


@pytest.mark.parametrize(
    ("question", "word"),
    [
        (b"{torn", "not JSON"),
        (b"[1]", "JSON object"),
        ({"op": None}, "no operation None"),
        ({"op": ["ping"]}, "no operation"),
        ({"op": "config"}, "no operation 'config'"),
        ({**ASK, "classes": ["purple"]}, "no class 'purple'"),
        ({**ASK, "classes": []}, "0 entries"),
        ({**ASK, "classes": "red"}, "list of texts"),
        ({**ASK, "path": "../secret.png"}, "outside"),
        ({**ASK, "path": "/etc/passwd"}, "outside"),
        ({**ASK, "path": "."}, "no file"),
        ({**ASK, "path": "gone.png"}, "no file"),
        ({**ASK, "path": "torn.png"}, "cannot be looked at"),
        ({**ASK, "path": 3}, "no image"),
        ({"op": "attention", "sample_id": "nobody", "classes": ["red"]}, "no sample 'nobody'"),
        ({"op": "embed_text", "texts": [3]}, "list of texts"),
    ],
)
def test_what_cannot_be_answered_gets_a_sentence_and_the_door_stays_open(
    run_dir: Path, question: Any, word: str, capsys: pytest.CaptureFixture
):
    first, second = asked(run_dir, question, {"op": "ping"})
    assert word in first["error"]
    assert first["error"].endswith(".")
    assert second["pong"] is True
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_is_an_answer_too_and_its_traceback_goes_to_stderr(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a planted bug")

    monkeypatch.setattr("engine.attention.class_maps", broken)
    first, second = asked(run_dir, ASK, {"op": "ping"})
    assert "a planted bug" in first["error"]
    assert second["pong"] is True
    assert "ZeroDivisionError: a planted bug" in capsys.readouterr().err


def test_a_run_that_is_gone_is_said_with_every_question(tmp_path: Path):
    first, second = asked(tmp_path, ASK, {"op": "ping"})
    assert "config.toml" in first["error"]
    assert second["pong"] is True
