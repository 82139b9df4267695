"""The answer to an http-request node: read within limits, and judged text or file (`nodes §10`)."""

import asyncio
import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from graphmill import media_types
from graphmill.media_types import Disposition
from graphmill.ports.http import HttpLimits, HttpResponse

_BEGINNING: Final = 1024
"""Bytes that are enough to tell text from something else."""
_GUESS_BYTES: Final = 64 * 1024
_TEXT_IN_APPLICATION: Final = (
    "json", "xml", "javascript", "x-www-form-urlencoded", "yaml", "graphql",
)  # fmt: skip
_SIGNS_OF_TEXT: Final = ("{", "[", "<", "function", "var ", "const ", "let ")
_FILE_GROUPS: Final = ("application", "image", "audio", "video")
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Codecs that are no charsets: they make half characters, or take time without bound.
_NO_CHARSETS: Final = frozenset({
    "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7",
})  # fmt: skip


class ResponseTooLarge(Exception):
    """More bytes than config `http_request.max_response_bytes` allows for its kind."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer with its whole body."""

    status: int
    headers: dict[str, str]
    url: str
    content: bytes
    is_file: bool

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def mime_type(self) -> str:
        """Of the file: by the name it is given, as declared, or by the address."""
        named = Disposition.parse(self.headers.get("content-disposition", "")).filename
        return (
            media_types.mime_type_of(named or "")
            or media_types.bare_mime_type(self.content_type)
            or media_types.mime_type_of(urlsplit(self.url).path)
            or media_types.UNKNOWN
        )

    async def text(self) -> str:
        """The body as text: in the declared charset, else as the body itself suggests."""
        encoding = _declared(self.content_type) or _marked(self.content)
        if encoding is None:
            try:
                return self.content.decode()
            except UnicodeDecodeError:
                encoding = await asyncio.to_thread(_guessed, self.content[:_GUESS_BYTES])
        return self.content.decode(encoding, errors="replace")


async def receive(response: HttpResponse, limits: HttpLimits) -> Received:
    """Read `response` to its end. Raises ResponseTooLarge, and what reading raises."""
    content = bytearray()
    is_file: bool | None = None
    async for chunk in response.chunks():
        content += chunk
        if is_file is None and len(content) >= _BEGINNING:
            is_file = holds_file(response.headers, bytes(content[:_BEGINNING]))
        if is_file is not None:
            _check_size(len(content), response.length, is_file, limits)
    if is_file is None:
        is_file = holds_file(response.headers, bytes(content))
        _check_size(len(content), response.length, is_file, limits)
    headers = dict(response.headers)
    return Received(response.status, headers, response.url, bytes(content), is_file)


def holds_file(headers: Mapping[str, str], beginning: bytes) -> bool:
    """Is the body a file, rather than text? `beginning` is at least 1024 bytes, or all of it."""
    disposition = Disposition.parse(headers.get("content-disposition", ""))
    if disposition.is_attachment or disposition.filename:
        return True
    mime_type = media_types.bare_mime_type(headers.get("content-type", ""))
    group = mime_type.partition("/")[0]
    if group == "text" and "csv" not in mime_type:
        return False
    if group == "application" and (
        any(word in mime_type for word in _TEXT_IN_APPLICATION) or _looks_like_text(beginning)
    ):
        return False
    usual = media_types.mime_type_of(f"x{media_types.extension_of(None, mime_type)}")
    if usual is not None:
        return usual.partition("/")[0] in _FILE_GROUPS
    return any(word in mime_type for word in ("image/", "audio/", "video/"))


def _looks_like_text(beginning: bytes) -> bool:
    try:
        # A letter that is cut off at the end is no reason to doubt the rest.
        text = codecs.getincrementaldecoder("utf-8")().decode(beginning[:_BEGINNING])
    except UnicodeDecodeError:
        return False
    return any(sign in text for sign in _SIGNS_OF_TEXT)


def _check_size(size: int, length: int | None, is_file: bool, limits: HttpLimits) -> None:
    limit = limits.file_bytes if is_file else limits.text_bytes
    if size <= limit:
        return
    whole = _readable(length) if length is not None else f"more than {_readable(limit)}"
    raise ResponseTooLarge(
        f"{'File' if is_file else 'Text'} size is too large, "
        f"max size is {limit / 1024 / 1024:.2f} MB, but current size is {whole}."
    )


def _readable(size: int) -> str:
    if size < 1024:
        return f"{size} bytes"
    if size < 1024 * 1024:
        return f"{size / 1024:.2f} KB"
    return f"{size / 1024 / 1024:.2f} MB"


def _declared(content_type: str) -> str | None:
    """The declared charset, if there is such a one."""
    try:
        name = codecs.lookup(media_types.charset_of(content_type) or "").name
        "".encode(name)
    except (LookupError, ValueError):
        return None
    if name in _NO_CHARSETS:
        return None
    return "utf-8-sig" if name == "utf-8" else name


def _marked(content: bytes) -> str | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    return None


def _guessed(content: bytes) -> str:
    # Keeps start-up fast: nearly all texts declare what they are, or are UTF-8.
    from charset_normalizer import from_bytes  # noqa: PLC0415

    best = from_bytes(content).best()
    return best.encoding if best is not None else "utf-8"
