"""Plain text, in whatever charset it is."""

import codecs
from typing import Final

from charset_normalizer import from_bytes

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark it begins with.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESS_BYTES: Final = 256 * 1024
_TELLING_BYTES: Final = 8
"""So many outside ASCII, at least, does a guess need."""
_ASCII: Final = bytes(range(128))


def decode(content: bytes) -> str:
    """The charset that a mark names, UTF-8, or a guess; what cannot be decoded is dropped."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "ignore")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode(_guess(content), "ignore")


def _guess(content: bytes) -> str:
    beginning = content[:_GUESS_BYTES]
    if len(beginning) < len(content):
        # Cut between lines: half a character would rule out the right charset.
        beginning = beginning.rpartition(b"\n")[0] or beginning
    if len(beginning.translate(None, _ASCII)) < _TELLING_BYTES:
        return "cp1252"
    best = from_bytes(beginning).best()
    return best.encoding if best is not None else "utf-8"
