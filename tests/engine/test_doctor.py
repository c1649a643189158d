import importlib

import pytest

import engine.doctor
from engine.doctor import examine


def found(findings):
    return {finding.subject: finding for finding in findings}


def test_a_sound_installation_is_listed_with_the_device_and_why():
    report = found(examine(weights="./nowhere"))
    for subject in ("python", "torch", "torchvision", "open_clip", "timm", "numpy"):
        assert report[subject].mend == ""
    assert "a run takes" in report["device"].found
    assert "do not exist" in report["weights ./nowhere"].found


def test_a_broken_torchvision_is_a_finding_and_not_a_crash(monkeypatch):
    def broken(name):
        if name in ("torchvision", "open_clip"):
            raise RuntimeError("operator torchvision::nms does not exist")
        return importlib.import_module(name)

    class Loader:
        import_module = staticmethod(broken)

    monkeypatch.setattr(engine.doctor, "importlib", Loader)
    report = found(examine())
    assert "nms does not exist" in report["torchvision"].found
    assert report["torchvision"].mend.endswith("torch torchvision")
    assert "device" in report


def test_weights_that_are_not_here_come_with_the_command_that_fetches_them(monkeypatch):
    monkeypatch.setattr("engine.clip.weights.cached_file", lambda tag: None)
    report = found(examine())
    assert report["weights openai"].mend == (
        "python -m engine fetch --model ViT-B-16-quickgelu --weights openai"
    )


@pytest.mark.weights
def test_weights_at_a_path_are_found(small_clip):
    report = found(examine(weights=str(small_clip)))
    assert report[f"weights {small_clip}"].mend == ""
