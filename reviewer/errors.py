"""The app's own exception for what a person can fix."""

from engine.errors import EngineError


class ReviewerError(EngineError):
    """Raised with one sentence: the value that was found, the rule it breaks, and the way out."""
