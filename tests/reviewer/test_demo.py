import shutil
import tomllib
from pathlib import Path

import pytest

import reviewer.demo as demo
from engine.config import BUNDLED, BackboneConfig
from reviewer.errors import ReviewerError
from reviewer.tabs.data import backbone_words
from reviewer.workspace import open_workspace
from tests.reviewer.simulated import draw, make_workspace


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo of the shipped layout, in its place; and a clean profile."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "profile"))
    folder = tmp_path / "demo"
    lines = ["path,label"]
    for number in range(30):
        draw(folder / "images" / f"{number:04}.jpg", (number, 0, 200))
        lines.append(f"images/{number:04}.jpg,{'cat' if number % 3 else 'dog'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(demo, "DEMO", folder)
    return folder


def test_it_is_made_once_in_the_data_folder_and_its_pictures_stay_where_they_are(assets: Path) -> None:
    made = demo.open_demo()
    assert made.root == demo.demo_place()
    assert made.image_root == assets
    assert made.config.backbone == BackboneConfig(weights=BUNDLED)
    assert not list(made.root.rglob("*.jpg"))
    again = demo.open_demo()
    assert again.config.workspace_id == made.config.workspace_id
    assert demo.is_demo(again)


def test_a_folder_may_be_named(assets: Path, tmp_path: Path) -> None:
    assert demo.open_demo(tmp_path / "elsewhere").root == tmp_path / "elsewhere"
    assert not demo.demo_place().exists()


def test_pictures_that_an_upgrade_has_moved_are_found(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = demo.open_demo()
    moved = Path(shutil.move(assets, assets.with_name("newer")))
    monkeypatch.setattr(demo, "DEMO", moved)
    again = demo.open_demo()
    assert again.image_root == moved
    assert again.config.workspace_id == made.config.workspace_id
    values = tomllib.loads((made.root / "workspace.toml").read_text())
    assert values["image_root_absolute"] == str(moved)


def test_another_workspace_is_not_taken_for_the_demo(assets: Path, tmp_path: Path) -> None:
    other = make_workspace(tmp_path / "other")
    before = (other.root / "workspace.toml").read_bytes()
    with pytest.raises(ReviewerError, match="is a workspace, but not of this demo"):
        demo.open_demo(other.root)
    assert (other.root / "workspace.toml").read_bytes() == before
    assert not demo.is_demo(open_workspace(other.root))


def test_an_installation_without_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "DEMO", tmp_path / "nowhere")
    assert not demo.is_there()
    assert demo.demo_pictures() == []
    with pytest.raises(ReviewerError, match="not in this installation"):
        demo.open_demo(tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_dozen_pictures_are_shown_from_all_over_it(assets: Path) -> None:
    shown = [int(path.stem) for path in demo.demo_pictures()]
    assert len(shown) == demo.N_SHOWN
    assert shown[0] < 3
    assert shown[-1] > 20


def test_the_data_tab_says_what_the_bundled_model_is_good_for(assets: Path, tmp_path: Path) -> None:
    said, advice = backbone_words(demo.open_demo())
    assert "drawn world of this demo" in said
    assert advice == ""
    other = make_workspace(tmp_path / "other")
    config = other.config.model_copy(update={"backbone": BackboneConfig(weights=BUNDLED)})
    said, advice = backbone_words(type(other)(root=other.root, config=config, image_root=other.image_root))
    assert said == "the bundled model"
    assert "no use for photos" in advice
    assert str(other.root / "workspace.toml") in advice
    assert "python -m engine fetch --model ViT-B-16-quickgelu --weights openai (599 MB)" in advice
    own = config.model_copy(update={"backbone": BackboneConfig(weights="/my/clip")})
    said, advice = backbone_words(type(other)(root=other.root, config=own, image_root=other.image_root))
    assert ("/my/clip" in said, advice) == (True, "")
