"""Frames on the socket of one call: four bytes of length, then UTF-8 JSON."""

import json
import os
import struct
from typing import Any


def receive(descriptor: int) -> dict[str, Any]:
    """Raises EOFError when the other side is gone."""
    (length,) = struct.unpack("!I", _read(descriptor, 4))
    message: dict[str, Any] = json.loads(_read(descriptor, length))
    return message


def send(descriptor: int, text: str) -> None:
    """Halves of surrogate pairs, which UTF-8 cannot hold, become question marks."""
    body = text.encode("utf-8", "replace")
    rest = memoryview(struct.pack("!I", len(body)) + body)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read(descriptor: int, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        piece = os.read(descriptor, min(length - len(received), 1 << 20))
        if not piece:
            raise EOFError
        received += piece
    return bytes(received)
