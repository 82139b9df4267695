"""Response bodies in gzip or deflate, unpacked in small steps.

A few bytes can unpack to gigabytes; whoever reads decides after each piece whether to go on.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

ACCEPTED: Final = "gzip, deflate"
"""What requests say in Accept-Encoding."""

_PIECE: Final = 64 * 1024
_GZIP: Final = b"\x1f\x8b"
_GZIP_OR_ZLIB_HEADER: Final = zlib.MAX_WBITS | 32
_NO_HEADER: Final = -zlib.MAX_WBITS


async def unpacked(chunks: AsyncIterator[bytes], content_encoding: str) -> AsyncIterator[bytes]:
    """`chunks` as they were before `content_encoding`, in pieces of at most 64 KiB.

    Codings that were not asked for are left alone. Raises zlib.error for broken data."""
    coding = content_encoding.strip().lower()
    if coding not in ("gzip", "x-gzip", "deflate"):
        async for chunk in chunks:
            yield chunk
        return
    stream = _Stream(may_lack_header=coding == "deflate")
    async for chunk in chunks:
        for piece in stream.feed(chunk):
            yield piece
            # One wait on the network can give many pieces; others want their turn as well.
            await asyncio.sleep(0)
    stream.end()


class _Stream:
    """Packed data; gzip may have several members one after the other."""

    def __init__(self, *, may_lack_header: bool) -> None:
        self._may_lack_header = may_lack_header
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._member is None and data:
            # Some servers send what they call deflate without the header it should have.
            bare = self._may_lack_header and data[0] & 0x0F != zlib.DEFLATED
            self._member = zlib.decompressobj(_NO_HEADER if bare else _GZIP_OR_ZLIB_HEADER)
        while self._member is not None:
            if self._member.eof:
                if not data.startswith(_GZIP):
                    return
                self._member = zlib.decompressobj(_GZIP_OR_ZLIB_HEADER)
            piece = self._member.decompress(data, _PIECE)
            data = self._member.unconsumed_tail or self._member.unused_data
            if piece:
                yield piece
            if not data and len(piece) < _PIECE:
                return

    def end(self) -> None:
        """Raises zlib.error when data is missing."""
        if self._member is not None and not self._member.eof:
            raise zlib.error("incomplete data")
