"""Word 97 to 2003 (.doc): the main text, by its piece table ([MS-DOC] 2.4.1)."""

import re
import struct
from collections.abc import Iterator
from typing import Final

from graphmill.documents.parsers.ole import WrongFormat, open_ole, read_stream

_WORD_97: Final = 0x00C1
_IS_ENCRYPTED, _IS_TABLE_1 = 0x0100, 0x0200
_IS_COMPRESSED: Final = 1 << 30
_PROPERTIES, _PIECES = 1, 2
"""The two kinds of parts that stand in front of and in the piece table."""

_FIELD: Final = re.compile("\x13[^\x13\x14\x15]*\x14?([^\x13\x14\x15]*)\x15")
"""A field: its instruction is not shown, its result is."""
_CHARACTERS: Final = str.maketrans({
    "\r": "\n", "\v": "\n", "\f": "\n", "\x07": "\t", "\x1e": "-",
    **dict.fromkeys("\x00\x01\x02\x03\x04\x05\x06\x08\x0e\x13\x14\x15\x1f", ""),
})  # fmt: skip


def parse_doc(content: bytes) -> str:
    """In tables, cells end with a tab and rows with a line break."""
    with open_ole(content) as ole:
        document = read_stream(ole, "WordDocument")
        version, flags = struct.unpack_from("<H6xH", document, 2)
        if version < _WORD_97:
            raise WrongFormat("The file is of a Word before Word 97.")
        if flags & _IS_ENCRYPTED:
            raise WrongFormat("The file is encrypted.")
        tables = read_stream(ole, "1Table" if flags & _IS_TABLE_1 else "0Table")
    (characters,) = struct.unpack_from("<I", document, 0x4C)
    start, size = struct.unpack_from("<II", document, 0x01A2)
    # Behind the main text come footnotes, headers and comments.
    return _shown("".join(_pieces(document, tables[start : start + size]))[:characters])


def _pieces(document: bytes, table: bytes) -> Iterator[str]:
    at = 0
    while table[at] == _PROPERTIES:
        at += 3 + struct.unpack_from("<H", table, at + 1)[0]
    if table[at] != _PIECES:
        raise WrongFormat("The file has no piece table.")
    count = (struct.unpack_from("<I", table, at + 1)[0] - 4) // 12
    bounds = struct.unpack_from(f"<{count + 1}I", table, at + 5)
    descriptors = at + 5 + 4 * (count + 1)
    for piece in range(count):
        characters = bounds[piece + 1] - bounds[piece]
        (place,) = struct.unpack_from("<I", table, descriptors + 8 * piece + 2)
        if place & _IS_COMPRESSED:
            start = (place ^ _IS_COMPRESSED) // 2
            yield document[start : start + characters].decode("cp1252", "replace")
        else:
            yield document[place : place + 2 * characters].decode("utf-16-le", "replace")


def _shown(text: str) -> str:
    # Fields may stand in each other: the innermost go first.
    while (plainer := _FIELD.sub(r"\1", text)) != text:
        text = plainer
    # Cells and rows end with the same character, rows with one of their own.
    return text.replace("\x07\x07", "\n").translate(_CHARACTERS).strip("\n")
