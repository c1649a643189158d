"""What the text tower reads after a learned context: the tokens of each class, packed without holes.

A prompt is [SOT] [M learned vectors] [name . EOT], the class at the end (CoOp §3.1; DeFT §4.1). Nothing
here is a tensor of a model; engine.clip.text runs it.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from open_clip.tokenizer import SimpleTokenizer

from engine.errors import EngineError

# Tokens side by side in attention: with fewer the shared prefix is copied more often, with more each token is
# compared with more strangers. Between 24 and 96 the time differs by a seventh at most; 48 and 64 win.
WINDOW = 64


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The name tokens of R classes side by side in G windows of S tokens; no class is in two windows.

    token_GS: ids, 0 where nothing stands. place_GS: how many tokens of its class stand before it.
    owner_GS: which of the R classes it belongs to, −1 where nothing stands. end_R: where each class has its
    EOT, an index into the G · S tokens. All int64.
    """

    token_GS: np.ndarray
    place_GS: np.ndarray
    owner_GS: np.ndarray
    end_R: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Names:
    """What K classes add to a context of `n_context` learned vectors.

    tokens: per class the ids of name, "." and EOT. start: the id of SOT. context_length: tokens that the
    tower reads. truncated: the classes whose name lost its end, because the tower reads no more.
    """

    tokens: tuple[tuple[int, ...], ...]
    start: int
    n_context: int
    context_length: int
    truncated: tuple[int, ...]

    @cached_property
    def windows(self) -> Windows:
        """All K classes."""
        return pack(self.tokens)


def read_names(tokenizer: Any, prompts: Sequence[str], *, n_context: int, context_length: int) -> Names:
    """Return the tokens of K class prompts for a tower that reads `context_length` tokens.

    A name that is too long loses its own end, never its "." or its EOT. Raises EngineError when no token
    of a name would fit, or the tokenizer is not CLIP's.
    """
    room = context_length - 1 - n_context
    if room < 3:
        raise EngineError(
            f"The prompts have {n_context} learned words, but this model reads {context_length} tokens, and "
            f"besides the words it needs four; set context_length to {context_length - 4} or less."
        )
    full = _suffixes(tokenizer, prompts, context_length)
    # What "." and EOT are on their own; in the tokens of "St.." they are not told apart.
    *_, stop, end = _suffixes(tokenizer, [""], context_length)[0]
    return Names(
        tokens=tuple(ids if len(ids) <= room else (*ids[: room - 2], stop, end) for ids in full),
        start=tokenizer.sot_token_id,
        n_context=n_context,
        context_length=context_length,
        truncated=tuple(k for k, ids in enumerate(full) if len(ids) > room),
    )


def longest_context(tokenizer: Any, prompts: Sequence[str], context_length: int) -> int:
    """Return the largest `n_context` with which no name is truncated; 0 when there is none."""
    return max(0, context_length - 1 - max(map(len, _suffixes(tokenizer, prompts, context_length))))


def _suffixes(tokenizer: Any, prompts: Sequence[str], context_length: int) -> list[tuple[int, ...]]:
    if not isinstance(tokenizer, SimpleTokenizer):
        raise EngineError(
            f"This model's tokenizer is {type(tokenizer).__name__}, and learned prompts need CLIP's own; "
            "take another model."
        )
    # No token of CLIP's is longer than 64 characters, so what comes after this many cannot be read.
    texts = [prompt[: 64 * context_length].replace("_", " ") for prompt in prompts]
    return [(*tokenizer.encode(f"{text}."), tokenizer.eot_token_id) for text in texts]


def pack(tokens: Sequence[Sequence[int]]) -> Windows:
    """Return the windows of R classes, R ≥ 1, all of them almost equally full.

    The longest class first, each into the emptiest window, as jobs onto machines (Graham 1969).
    """
    lengths = np.array([len(ids) for ids in tokens])
    n_windows = -(-int(lengths.sum()) // max(WINDOW, int(lengths.max())))
    free = [(0, window) for window in range(n_windows)]
    start_R = np.zeros((len(tokens), 2), dtype=np.int64)
    for row in np.argsort(-lengths, kind="stable").tolist():
        used, window = free[0]
        start_R[row] = window, used
        heapq.heapreplace(free, (used + len(tokens[row]), window))
    shape = (n_windows, max(used for used, _ in free))
    flat_R = start_R @ (shape[1], 1)
    token_GS, place_GS, owner_GS = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.full(shape, -1)
    owner_T = np.repeat(np.arange(len(tokens)), lengths)
    place_T = np.arange(len(owner_T)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at_T = flat_R[owner_T] + place_T
    token_GS.flat[at_T] = np.concatenate(tokens)
    place_GS.flat[at_T] = place_T
    owner_GS.flat[at_T] = owner_T
    return Windows(token_GS=token_GS, place_GS=place_GS, owner_GS=owner_GS, end_R=flat_R + lengths - 1)
