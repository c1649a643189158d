"""What holds for every test: no network look-ups, no settings of the person who runs them."""

import atexit
import os
import shutil
import tempfile

import pytest

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    # Servers of the tests note what they opened: in no list of the person's own.
    "XDG_DATA_HOME": tempfile.mkdtemp(prefix="labelsieve-tests-"),
}
atexit.register(shutil.rmtree, OFFLINE["XDG_DATA_HOME"], ignore_errors=True)
os.environ.update(OFFLINE)  # the libraries read them when they are imported, before any fixture


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
