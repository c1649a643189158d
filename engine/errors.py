"""The one exception that means "a person can fix this"."""


class EngineError(Exception):
    """Raised with one sentence: the value that was found, the rule it breaks, and the way out.

    It is shown as it is, without a traceback. Anything else that escapes is a bug and keeps its own.
    """
