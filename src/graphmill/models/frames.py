"""Server-sent events, as model providers send them, cut out of what the network brings."""

from typing import Final

LARGEST_FRAME: Final = 4 << 20
"""Bytes of one event. A token has a few hundred."""


class Frames:
    """Each event is one line of JSON after `data:`; everything else of the format tells nothing
    that is not in there."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        """Of the line that has not ended yet."""
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes. Raises ValueError when one is too large."""
        first, *lines = chunk.split(b"\n")
        self._held += len(first)
        if self._held > LARGEST_FRAME:
            raise ValueError(f"an event is larger than {LARGEST_FRAME >> 20} MB")
        self._begun.append(first)
        if not lines:
            return []
        lines.insert(0, b"".join(self._begun))
        rest = lines.pop()
        self._begun, self._held = [rest], len(rest)
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]
