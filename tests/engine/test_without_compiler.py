"""open_clip comes without torch's compiler, and the compiler is there when it is asked for."""

import subprocess
import sys

import pytest

from engine.clip import without_compiler


def output_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_run_needs_no_compiler() -> None:
    loaded = output_of(
        "import sys\n"
        "from engine.standby import MODULES\n"
        "from importlib import import_module\n"
        "for name in MODULES: import_module(name)\n"
        "import open_clip, timm\n"
        "print('torch._dynamo' in sys.modules, 'torch._inductor' in sys.modules)"
    )
    assert loaded.split() == ["False", "False"]


def test_the_compiler_works_afterwards() -> None:
    answer = output_of(
        "import engine.clip, torch\n"
        "add = torch.compile(lambda x: x + 1, backend='eager')\n"
        "print(add(torch.ones(1)).item(), torch._dynamo.utils.is_compile_supported('cpu'))"
    )
    assert answer.split() == ["2.0", "True"]


def test_where_more_is_asked_for_it_is_imported_with_the_compiler() -> None:
    answer = output_of(
        "import sys, types, engine\n"
        "package = types.ModuleType('engine.clip')\n"
        "package.__path__ = [engine.__path__[0] + '/clip']\n"
        "sys.modules['engine.clip'] = package\n"
        "from engine.clip import without_compiler\n"
        "asked = []\n"
        "def refuse(*_, **__):\n"
        "    asked.append(1)\n"
        "    raise AttributeError\n"
        "without_compiler._as_it_is = refuse\n"
        "without_compiler.import_open_clip()\n"
        "import open_clip, timm\n"
        "print(len(asked), hasattr(sys.modules['torch._dynamo'], 'optimize'), hasattr(timm, 'create_model'))"
    )
    assert answer.split() == ["1", "True", "True"]


def test_a_compiler_that_is_there_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch._dynamo

    with without_compiler._stand_in():
        assert sys.modules["torch._dynamo"] is torch._dynamo
    assert sys.modules["torch._dynamo"] is torch._dynamo
