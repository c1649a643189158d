"""`python -m reviewer`: has the engine load where a first ranking will follow, then does the command.

What is imported here is light; the commands import the database and the web server, which takes a second.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

from reviewer.folders import demo_place
from reviewer.standby import Standby

COMMANDS = ("start", "demo", "init", "open", "triage", "export", "report", "log", "account")


def main() -> None:
    """Run the command line; what a person can fix ends as one sentence and exit status 1."""
    arguments = completed(sys.argv[1:])
    with ExitStack() as stack:
        standby = stack.enter_context(Standby()) if will_rank(arguments) else None
        from reviewer.commands import run_command  # noqa: PLC0415 - after the engine has been started

        sys.exit(run_command(arguments, standby))


def completed(arguments: list[str]) -> list[str]:
    """Return the arguments with the command that may be left out."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
        return ["start", *arguments]
    if arguments[0] not in COMMANDS and arguments[0] != "--help":
        return ["open", *arguments]
    return arguments


def will_rank(arguments: list[str]) -> bool:
    """Return whether the command seems to open a workspace that no run has ranked.

    A wrong guess costs some seconds of one core, or saves none.
    """
    command, *rest = arguments
    if command not in ("demo", "open") or "--help" in rest:
        return False
    named = Path(rest[0]) if rest and not rest[0].startswith("-") else None
    root = named or demo_place()
    is_one = command == "demo" or (named is not None and (root / "workspace.toml").is_file())
    return is_one and not any((root / "runs").glob("*/result.json"))


if __name__ == "__main__":
    main()
