"""Real data, a real backbone and the real app, for browser tests and benchmarks."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SMALL_CLIP = ROOT.parent / "shared" / "models" / "small-natural-clip"
CIFAR = ROOT.parent / "shared" / "data" / "cifar10n-5k.npz"
CHROMIUM_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def write_digits(
    folder: Path, *, count: int = 1797, noise: float = 0.2, seed: int = 0, side: int = 64
) -> dict[str, tuple[str, str]]:
    """Write scikit-learn's handwritten digits as a folder per given class, `noise` of them wrong.

    Returns path → (given label, true label).
    """
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(digits.target))[:count]
    wrong = set(rng.permutation(count)[: round(noise * count)].tolist())
    labels = {}
    for number, row in enumerate(chosen.tolist()):
        true = int(digits.target[row])
        given = (true + int(rng.integers(1, 10))) % 10 if number in wrong else true
        path = f"{DIGITS[given]}/{row:04d}.png"
        pixels = (255 - digits.images[row] * (255 / 16)).round().astype(np.uint8)
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / path)
        labels[path] = (DIGITS[given], DIGITS[true])
    return labels


def write_random_clip(folder: Path, side: int = 32) -> Path:
    """Write an open_clip directory with a tiny, untrained CLIP: enough for a linear probe on digits."""
    import open_clip
    import torch
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    config = {
        "embed_dim": 64,
        "vision_cfg": {"image_size": side, "patch_size": 8, "width": 64, "layers": 2, "head_width": 32},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 1},
        "quick_gelu": False,
    }
    preprocess = {"mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD)}
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(CLIP(**config).state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    )
    return folder


def reviewer(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess:
    """Run `python -m reviewer` and return what it printed."""
    result = subprocess.run(
        [sys.executable, "-m", "reviewer", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT
    )
    if check and result.returncode:
        raise AssertionError(f"{arguments} ended with {result.returncode}: {result.stdout}{result.stderr}")
    return result


class Server:
    """`python -m reviewer WORKSPACE` as a process."""

    def __init__(
        self,
        workspace: Path,
        port: int = 0,
        environment: dict[str, str] | None = None,
        options: Sequence[str | Path] = (),
    ) -> None:
        self.workspace = workspace
        self.log = workspace.parent / f"{workspace.name}-server.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "reviewer", str(workspace), "--no-browser"),
                    *("--port", str(port), *map(str, options)),
                ],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **(environment or {})},
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if " at http" not in line:
            raise AssertionError(f"The app did not start: {line}{self.log.read_text()}")
        self.url = line.split(" at ")[1].split(" ")[0]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)
        self.wait(lambda: self.client.get("/healthz").status_code == 200)

    def wait(self, holds: Any, seconds: float = 60) -> None:
        """Wait until `holds()` is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(httpx.TransportError):
                if holds():
                    return
            time.sleep(0.1)
        raise AssertionError(f"Waited {seconds} s in vain: {self.log.read_text()[-2000:]}")

    def wait_for_ranking(self, seconds: float = 120) -> None:
        """Wait for the first ranking."""
        self.wait(lambda: self.session()["ranking"]["state"] == "ready", seconds)

    def session(self) -> dict[str, Any]:
        """Return /api/session."""
        return self.client.get("/api/session").json()

    def stop(self) -> None:
        """Stop it as Ctrl+C does."""
        self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        """Kill it as a power cut does."""
        self.process.kill()
        self.process.wait(20)


@contextlib.contextmanager
def served(workspace: Path, **options: Any) -> Iterator[Server]:
    """Serve `workspace` for the length of a block."""
    server = Server(workspace, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@contextlib.contextmanager
def browser_page(
    url: str, *, until: Callable[[Any], None] | None = None, **options: Any
) -> Iterator[tuple[Any, list[str]]]:
    """Open `url` in Chromium and wait `until` it is ready (a card that takes keys); yields the page and the
    list of what must stay empty: console messages, page errors and requests to anywhere else."""
    from playwright.sync_api import sync_playwright

    noise: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        page = browser.new_page(**{"viewport": {"width": 1440, "height": 900}, **options})
        page.on("console", lambda message: noise.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("request", lambda request: noise.extend(_foreign(request.url)))
        page.goto(url)
        (until or wait_for_card)(page)
        yield page, noise
        page.close()  # tells the server that its cards are free, as a browser that is killed does not
        browser.close()


def _foreign(url: str) -> list[str]:
    local = url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))
    return [] if local else [f"request to {url}"]


def wait_for_card(page: Any) -> None:
    """Wait until the card can take keys."""
    page.wait_for_function("window.__labelsieve_ready === true")
    page.wait_for_selector("[data-state=ready]", timeout=60_000)


def show_sheets(page: Any) -> None:
    """Open the sheets."""
    page.get_by_role("tab", name="Sheets").click()
    settled(page)


def settled(page: Any) -> None:
    """Wait until the tiles of the sheet are there, and the class table is counted."""
    page.wait_for_selector("[data-sheet=ready]", timeout=60_000)
    page.wait_for_selector("#labelsieve-sheet .ls-c-summary:not(:empty)", state="attached")


def found(server: Server, query: str) -> list[int]:
    """Return the positions that the server has for a filter, in their order."""
    return np.frombuffer(server.client.get(f"/api/positions?{query}").content, "<u4")[1:].tolist()


def choose_option(page: Any, title: str) -> None:
    """Choose what the runs tab offers under a title, also where it is folded away."""
    exactly = page.locator(".ls-option-title", has_text=re.compile(f"^{re.escape(title)}$"))
    card = page.locator(".ls-option").filter(has=exactly)
    card.first.wait_for(state="attached")
    if not card.is_visible():
        page.locator(".ls-more > summary").click()
    card.get_by_role("radio").check()


def position(page: Any) -> int:
    """Return the position of the card on the screen."""
    return int(page.locator("[data-position]").first.get_attribute("data-position"))
