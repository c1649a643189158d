"""Freed memory goes back to the system where the C library can do it, and nothing fails where it cannot."""

import ctypes

import pytest

from reviewer import memory


@pytest.mark.parametrize("fault", [AttributeError, OSError, TypeError])
def test_another_system_is_no_fault(monkeypatch: pytest.MonkeyPatch, fault: type[Exception]):
    def nothing(_name: None) -> None:
        raise fault

    monkeypatch.setattr(ctypes, "CDLL", nothing)
    assert memory._find_trim() is None
    monkeypatch.setattr(memory, "_TRIM", None)
    memory.give_back()


def test_glibc_is_asked_for_everything_that_is_free(monkeypatch: pytest.MonkeyPatch):
    kept: list[int] = []
    monkeypatch.setattr(memory, "_TRIM", kept.append)
    memory.give_back()
    assert kept == [0]
