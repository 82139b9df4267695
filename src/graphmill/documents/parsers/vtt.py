"""Subtitles (WebVTT): who says what, one line for each change of speaker."""

import html
import itertools
import re
from collections.abc import Iterator
from typing import Final

from graphmill.documents.parsers.text import decode

_SPEAKER: Final = re.compile(r"<v(?:\.[^ \t>]*)?[ \t]+([^>]+)>")
_TAG: Final = re.compile(r"<[^>]*>")


def parse_vtt(content: bytes) -> str:
    """Lines `<speaker> "<text>"`; captions without a speaker are `"<text>"`."""
    return "\n".join(
        f'{speaker} "{" ".join(text for _, text in captions)}"'.lstrip()
        for speaker, captions in itertools.groupby(_captions(decode(content)), key=lambda it: it[0])
    )


def _captions(text: str) -> Iterator[tuple[str, str]]:
    """Speaker and text of each cue: what stands between its times and the next empty line."""
    for block in re.split(r"\n[ \t]*\n", "\n".join(text.splitlines())):
        lines = block.splitlines()
        times = next((at for at, line in enumerate(lines) if "-->" in line), None)
        if times is None:
            continue
        cue = " ".join(lines[times + 1 :])
        speaker = _SPEAKER.search(cue)
        yield speaker[1].strip() if speaker else "", html.unescape(_TAG.sub("", cue)).strip()
