import pytest

from engine.config import BackboneConfig, ClassConfig, RunConfig, read_config, write_config
from engine.errors import EngineError
from engine.settings import DETECTORS, TransitionConfig

CLASSES = (ClassConfig(name="cat", prompt="cat"), ClassConfig(name="dog", prompt='a "dog"'))


def config(**values):
    return RunConfig(**{"detector": "transition", "image_root": "images", "classes": CLASSES, **values})


def test_a_config_comes_back_as_it_was_written(tmp_path):
    written = config(seed=7, settings={"alpha": 0.5}, backbone=BackboneConfig(templates=("a {}",)))
    write_config(tmp_path / "config.toml", written)
    assert read_config(tmp_path / "config.toml") == written
    assert written.detector_settings() == TransitionConfig(alpha=0.5)


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_defaults(name):
    assert config(detector=name).detector_settings() == DETECTORS[name]()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"detector": "deft9"}, "no detector 'deft9'"),
        ({"settings": {"alhpa": 1}}, r"Unknown key transition.alhpa. Did you mean transition.alpha\?"),
        ({"settings": {"alpha": -1}}, r"transition.alpha is -1; it should be greater"),
        ({"settings": {"zzz": 1}}, r"Unknown key transition.zzz. Remove it."),
    ],
)
def test_a_faulty_setting_is_answered_with_its_sentence(values, sentence):
    with pytest.raises(EngineError, match=sentence):
        config(**values).detector_settings()


def test_a_torn_or_missing_file_has_its_sentence(tmp_path):
    with pytest.raises(EngineError, match="does not exist"):
        read_config(tmp_path / "config.toml")
    (tmp_path / "config.toml").write_text("detector = ")
    with pytest.raises(EngineError, match="not valid TOML"):
        read_config(tmp_path / "config.toml")
    (tmp_path / "config.toml").write_text('detector = "knn"\nclasses = []\n')
    with pytest.raises(EngineError, match=r"config.image_root is missing"):
        read_config(tmp_path / "config.toml")
