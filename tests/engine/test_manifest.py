import numpy as np
import pytest

from engine.errors import EngineError
from engine.manifest import Pin, read_manifest, resolve_inside, write_manifest
from tests.engine.conftest import NAMES, make_manifest

CLASSES = [(name, name) for name in NAMES]
PINNED = {
    0: (Pin.CLEAN, (0,)),
    1: (Pin.RELABELLED, (2,)),
    2: (Pin.AMBIGUOUS, (0, 1)),
    3: (Pin.EXCLUDED, ()),
}


def test_a_manifest_comes_back_as_it_was_written(tmp_path):
    manifest = make_manifest([0, 1, 2, 1, 0], pinned=PINNED)
    write_manifest(tmp_path / "manifest.csv", manifest)
    again = read_manifest(tmp_path / "manifest.csv", CLASSES)
    np.testing.assert_array_equal(again.given, manifest.given)
    for field in ("sample_ids", "paths", "class_names", "class_prompts", "pins", "pin_labels"):
        assert getattr(again, field) == getattr(manifest, field)


def test_names_with_commas_quotes_lines_and_bytes_come_back(tmp_path):
    names = ('a, "b"', "two\nlines", "日本", "caf\udce9")
    manifest = make_manifest([0, 1, 2, 3], names=names, pinned={0: (Pin.RELABELLED, (3,))})
    write_manifest(tmp_path / "manifest.csv", manifest)
    again = read_manifest(tmp_path / "manifest.csv", [(name, name) for name in names])
    np.testing.assert_array_equal(again.given, [0, 1, 2, 3])
    assert again.pin_labels[0] == (3,)


def test_active_samples_are_sorted_and_without_the_excluded():
    manifest = make_manifest([0, 1, 2, 1, 0], pinned=PINNED).take([4, 3, 0, 2, 1])
    assert manifest.active().sample_ids == ("s000", "s001", "s002", "s004")


def test_known_samples_have_their_targets_and_current_labels():
    manifest = make_manifest([0, 1, 2, 1, 0], pinned=PINNED)
    rows, targets = manifest.known()
    np.testing.assert_array_equal(rows, [0, 1, 2])
    np.testing.assert_allclose(targets, [[1, 0, 0], [0, 0, 1], [0.5, 0.5, 0]])
    np.testing.assert_array_equal(manifest.current(), [0, 2, 2, 1, 0])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,path\n", "needs sample_id, path"),
        ("sample_id,path,label,pin,pin_labels\na,a.png,purple,,\n", "'purple' is none of the classes"),
        ("sample_id,path,label,pin,pin_labels\na,a.png,red,kept,\n", "the pin is 'kept'"),
        ("sample_id,path,label,pin,pin_labels\na,a,red,,\na,b,red,,\n", "names a sample twice"),
    ],
)
def test_a_faulty_manifest_is_answered_with_its_sentence(tmp_path, text, sentence):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(EngineError, match=sentence):
        read_manifest(tmp_path / "manifest.csv", CLASSES)


def test_a_missing_manifest_and_a_single_class_have_their_sentences(tmp_path):
    with pytest.raises(EngineError, match=r"needs a manifest.csv"):
        read_manifest(tmp_path / "manifest.csv", CLASSES)
    with pytest.raises(EngineError, match="at least two"):
        read_manifest(tmp_path / "manifest.csv", CLASSES[:1])


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "link/x", "out", "a\0"])
def test_a_path_outside_the_image_folder_is_refused(tmp_path, path):
    root = tmp_path / "images"
    (root / "a").mkdir(parents=True)
    (tmp_path / "x").touch()
    (root / "link").symlink_to(tmp_path)
    (root / "out").symlink_to(tmp_path / "x")
    with pytest.raises(EngineError):
        resolve_inside(root, path)


def test_a_path_and_a_link_inside_the_image_folder_are_followed(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    assert resolve_inside(tmp_path, "x/../b.png") == tmp_path.resolve() / "a.png"
