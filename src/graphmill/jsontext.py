"""JSON text to values and back: fast where it can be, and exact for what the fast library refuses.

orjson writes Dify's own bytes but stops at integers beyond 64 bits (it reads them as floats), at
halves of surrogate pairs and at 254 levels; the standard library takes over there.
"""

import json
import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import orjson

Default: TypeAlias = Callable[[Any], object]
"""What to write for a value that is not JSON; raises TypeError when that is unknown."""

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS
_DIGITS_AS_ZEROS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_MAX_DEPTH: Final = 254
"""Levels of lists and mappings that orjson writes."""
_LONG_NUMBER: Final = b"0" * 19
"""-9223372036854775809 is the shortest integer that does not fit into 64 bits."""


def encode(value: object, *, default: Default | None = None) -> bytes:
    """JSON as UTF-8, without blanks. Dataclasses go to `default`.

    NaN and infinities become null, and so does what is nested deeper than 254 levels. Raises
    TypeError for what is no JSON."""
    try:
        return orjson.dumps(value, default, _OPTIONS)
    except TypeError:
        return _encode_slowly(value, default)


def decode(text: bytes) -> Any:
    """The value of a JSON text, integers of any length included. Raises ValueError."""
    if _LONG_NUMBER in text.translate(_DIGITS_AS_ZEROS):
        return _decode_slowly(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _decode_slowly(text)


def storable(text: str) -> str:
    """`text` as UTF-8 can hold it: halves of surrogate pairs, which JSON may bring, are spelled."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _encode_slowly(value: object, default: Default | None) -> bytes:
    plain = _plain(value, default, _MAX_DEPTH)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate stands inside a string, where `\udxxx` is JSON's own way to write it.
    return text.encode("utf-8", "backslashreplace")


def _decode_slowly(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("The JSON text is nested too deep") from None


def _plain(value: object, default: Default | None, depth: int) -> object:
    """`value` without anything that JSON does not know, `depth` levels of it."""
    match value:
        case None | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict() | list() | tuple() if depth == 0:
            return None
        case dict():
            return {str(key): _plain(item, default, depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, default, depth - 1) for item in value]
        case _ if default is not None:
            return _plain(default(value), default, depth)
        case _:
            raise TypeError(f"{type(value).__name__} is no JSON value")
