import pytest
import torch

from engine.errors import EngineError
from engine.progress import event_writer
from engine.runtime import pick_runtime


def test_the_cpu_computes_in_float32():
    runtime = pick_runtime("cpu")
    assert (runtime.device.type, runtime.dtype) == ("cpu", torch.float32)
    assert runtime.reason == "The settings ask for 'cpu'."


def test_auto_says_why_it_took_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_runtime("auto").reason == "No GPU was found."


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_missing_has_its_sentence(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(EngineError, match=rf"'{device}'.*set device to 'auto' or 'cpu'"):
        pick_runtime(device)


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bfloat16_is_used_only_where_the_gpu_has_it(native, dtype, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old Card")
    runtime = pick_runtime("auto")
    assert runtime.dtype is dtype
    assert runtime.reason.startswith("Old Card was found")


def test_progress_is_written_seldom_and_always_at_its_end(tmp_path):
    seen = []
    report = event_writer(tmp_path, lambda event, **values: seen.append((event, values.get("done"))))
    report("stage", stage="pixels")
    for done in range(1001):
        report("progress", stage="pixels", done=done, of=1000)
    assert seen[0] == ("stage", None)
    assert seen[-1] == ("progress", 1000)
    assert len(seen) < 100
