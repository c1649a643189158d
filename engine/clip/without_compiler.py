"""open_clip without torch's compiler, which would take nearly half of the time until a run can begin.

While they are imported, torchvision asks the compiler whether it knows the device, for an operator of
detection models, and timm marks functions that it shall leave alone. Nothing here is ever compiled, so both
get the answer at once, and the compiler is imported by whoever needs it later.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


def import_open_clip() -> None:
    """Import open_clip; with the compiler where its packages ask for more than is known here."""
    if "open_clip" in sys.modules:
        return
    try:
        with _stand_in():
            import open_clip  # noqa: PLC0415
    except (ImportError, AttributeError, TypeError):
        import open_clip  # noqa: F401, PLC0415


@contextmanager
def _stand_in() -> Iterator[None]:
    import torch  # noqa: F401, PLC0415 - it sets the compiler's place up itself

    if COMPILER in sys.modules:
        yield
        return
    compiler, utils = ModuleType(COMPILER), ModuleType(f"{COMPILER}.utils")
    vars(utils)["is_compile_supported"] = _no
    vars(compiler).update(utils=utils, disable=_as_it_is)
    sys.modules |= {compiler.__name__: compiler, utils.__name__: utils}
    try:
        yield
    finally:
        for module in (compiler, utils):
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]


def _no(device: str) -> bool:
    return False


def _as_it_is(fn: Callable[..., Any], recursive: bool = True, *, reason: str | None = None) -> Any:
    return fn
