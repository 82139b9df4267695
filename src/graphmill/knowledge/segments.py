"""Cuts a text into segments: along its paragraphs, and where these are too long, along lines,
sentences and words."""

import re
from collections.abc import Iterator
from typing import Final

from graphmill.knowledge.words import CJK

_CHARACTERS_A_TOKEN: Final = 4
"""A guess that holds for European languages. A Chinese character is about one token."""

_BREAKS: Final = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])"),
    re.compile(r"\s+"),
)
"""Where a text may be cut, the best places first."""


def tokens_in(text: str) -> float:
    """About so many; those of two texts together are the sum."""
    wide = len(CJK.findall(text))
    return wide + (len(text) - wide) / _CHARACTERS_A_TOKEN


def cut(text: str, *, tokens: int, overlap: int) -> list[str]:
    """Segments of at most `tokens`, each of which begins with what the one before ended with, as
    far as that is whole sentences of at most `overlap` tokens. None is blank."""
    segments: list[str] = []
    current, size = "", 0.0
    for piece in _pieces(text, tokens - overlap, 0):
        size += tokens_in(piece)
        if current and size > tokens:
            segments.append(current)
            current = _end_of(current, overlap)
            size = tokens_in(current + piece)
        current += piece
    segments.append(current)
    return [stripped for segment in segments if (stripped := segment.strip())]


def _pieces(text: str, tokens: int, level: int) -> Iterator[str]:
    """`text` in pieces of at most so many tokens, cut at the best places that make that possible.
    Together they are `text`."""
    if tokens_in(text) <= tokens:
        yield text
    elif level == len(_BREAKS):
        # A word without end: the worst case is a token a character.
        yield from (text[i : i + tokens] for i in range(0, len(text), tokens))
    else:
        for part in _parts(text, _BREAKS[level]):
            yield from _pieces(part, tokens, level + 1)


def _parts(text: str, at: re.Pattern[str]) -> Iterator[str]:
    """`text` cut behind every match."""
    start = 0
    for match in at.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


def _end_of(text: str, tokens: int) -> str:
    """The last whole sentences of `text` that are not longer than that; nothing if there is
    none."""
    end = ""
    for sentence in reversed(list(_pieces(text, tokens, 0)) if tokens else []):
        if tokens_in(sentence + end) > tokens:
            break
        end = sentence + end
    return end
