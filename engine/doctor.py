"""`python -m engine doctor`: what is installed, what it can do, and the command that mends the rest."""

import importlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import BackboneConfig
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.clip.weights import Source

PACKAGES = {
    "torch": "torch", "torchvision": "torchvision", "open_clip": "open_clip_torch", "timm": "timm",
    "numpy": "numpy", "sklearn": "scikit-learn", "PIL": "pillow",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report: what was looked at, what was found, and how to mend it ("" when sound)."""

    subject: str
    found: str
    mend: str = ""


def examine(weights: str | None = None, model: str | None = None) -> Iterator[Finding]:
    """Yield what there is, one finding at a time; broken packages are findings, not exceptions."""
    yield Finding(subject="python", found=f"{platform.python_version()} on {platform.platform()}")
    broken = []
    for module, package in PACKAGES.items():
        finding = _package(module, package)
        if finding.mend:
            broken.append(module)
        yield finding
    if "torch" not in broken:
        yield _devices()
    if not {"torch", "torchvision", "open_clip"} & set(broken):
        yield from _weights(weights, model)


def _package(module: str, package: str) -> Finding:
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return Finding(subject=module, found="is not installed", mend=f"python -m pip install {package}")
    try:
        importlib.import_module(module)
    except Exception as error:  # a mismatched pair dies with whatever the loader raises
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        # torch and torchvision are built for each other; open_clip only inherits their quarrel.
        pair = "torch torchvision" if module in ("torch", "torchvision", "open_clip", "timm") else package
        return Finding(
            subject=module,
            found=f"{version} cannot be imported: {reason}",
            mend=f"python -m pip install --force-reinstall -c constraints.txt {pair}",
        )
    return Finding(subject=module, found=version)


def _devices() -> Finding:
    import torch  # noqa: PLC0415 - seconds, and it may be the broken one

    from engine.runtime import pick_runtime  # noqa: PLC0415 - torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("Apple GPU")
    runtime = pick_runtime()
    precision = str(runtime.dtype).removeprefix("torch.")
    found = ", ".join(names) or "no GPU"
    return Finding(
        subject="device", found=f"{found}; a run takes {runtime.device} in {precision}: {runtime.reason}"
    )


def _weights(weights: str | None, model: str | None) -> Iterator[Finding]:
    from engine.clip.weights import cached_tags, find_weights  # noqa: PLC0415 - torch and open_clip

    cached: dict[Path, list[str]] = {}
    for name, tag, file in cached_tags():
        cached.setdefault(file, []).append(f"{name} {tag}")
    found = [f"{file} ({', '.join(sorted(set(names)))})" for file, names in sorted(cached.items())]
    yield Finding(subject="weights in the cache", found="; ".join(found) or "none")
    standard = BackboneConfig()
    asked = BackboneConfig(model=model or standard.model, weights=weights or standard.weights)
    subject = f"weights {asked.weights}"
    try:
        source: Source = find_weights(asked)
    except EngineError as error:
        fetch = f"python -m engine fetch --model {asked.model} --weights {asked.weights}"
        mend = fetch if "are not on this computer" in str(error) else "name other weights"
        yield Finding(subject=subject, found=str(error), mend=mend)
        return
    megabytes = source.file.stat().st_size / 1e6
    yield Finding(subject=subject, found=f"{source.file} ({megabytes:.0f} MB) for {source.model}")
