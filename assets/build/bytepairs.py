"""A small byte-pair vocabulary in the file format of open_clip's `SimpleTokenizer`."""

import gzip
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import regex
from open_clip.tokenizer import bytes_to_unicode

BYTES = 512
"""Entries that are there before any merge: each byte, inside a word and at its end."""
SPECIALS = 2
WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE)
"""How open_clip cuts a text into words."""

Pair = tuple[str, str]


def learn_merges(texts: Iterable[str], most: int) -> list[Pair]:
    """Return at most `most` merges, the most frequent pair first (Sennrich et al. 2016, algorithm 1)."""
    letters = bytes_to_unicode()
    counts = Counter(word for text in texts for word in WORDS.findall(text.lower()))
    words: list[tuple[list[str], int]] = []
    for word, count in sorted(counts.items()):
        symbols = [letters[byte] for byte in word.encode()]
        words.append(([*symbols[:-1], symbols[-1] + "</w>"], count))
    merges: list[Pair] = []
    while len(merges) < most:
        pairs: Counter[Pair] = Counter()
        for symbols, count in words:
            for pair in pairwise(symbols):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = [(_merged(symbols, best), count) for symbols, count in words]
    return merges


def _merged(symbols: list[str], pair: Pair) -> list[str]:
    out: list[str] = []
    for symbol in symbols:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


def write_merges(path: Path, merges: list[Pair]) -> None:
    """Write what `bpe_path` reads: gzip, a first line that is skipped, no newline at the end."""
    text = "\n".join(["#version: labelsieve", *(" ".join(pair) for pair in merges)])
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
