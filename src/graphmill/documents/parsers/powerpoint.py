"""PowerPoint 97 to 2003 (.ppt): the texts of its slides ([MS-PPT] 2.3)."""

import struct
from collections.abc import Iterator
from typing import Final

from graphmill.documents.parsers.ole import open_ole, read_stream

_HEAD: Final = struct.Struct("<HHI")
_IS_CONTAINER: Final = 0xF
_MASTER, _NOTES, _HANDOUT = 0x03F8, 0x03F0, 0x0FC9
_WIDE_TEXT, _TEXT = 0x0FA0, 0x0FA8
_LINE_ENDS: Final = str.maketrans("\r\v", "\n\n")


def parse_ppt(content: bytes) -> str:
    """First what stands in titles and outlines of all slides, then their other texts."""
    with open_ole(content) as ole:
        document = read_stream(ole, "PowerPoint Document")
    lines = (line for text in _texts(document) for line in text.translate(_LINE_ENDS).splitlines())
    return "\n".join(line for line in lines if line.strip())


def _texts(records: bytes) -> Iterator[str]:
    at = 0
    while at + _HEAD.size <= len(records):
        version, kind, length = _HEAD.unpack_from(records, at)
        at += _HEAD.size
        body = records[at : at + length]
        at += length
        if kind in (_MASTER, _NOTES, _HANDOUT):
            continue
        if version & 0xF == _IS_CONTAINER:
            yield from _texts(body)
        elif kind == _WIDE_TEXT:
            yield body.decode("utf-16-le", "replace")
        elif kind == _TEXT:
            yield body.decode("latin-1")
