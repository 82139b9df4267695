"""A multipart body, parsed while it arrives: fields, and at most one file.

Nothing but a piece of the file is ever in memory, and what is wrong is noticed before the rest has
come."""

import re
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from graphmill.api.bodies import Body, BodyRefused
from graphmill.errors import NoFileUploaded, TooManyFiles

FIELD_BYTES: Final = 64 * 1024
FIELDS: Final = 1000
"""That are kept; nobody has a use for more."""
_EXTENDED_NAME: Final = re.compile(rb"filename\*\s*=\s*([\w-]+)'[\w-]*'([^\s;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FilePart:
    name: str
    """As the client sent it; empty if it sent an empty one."""
    mime_type: str | None
    """Without parameters; None when the part has no Content-Type."""


class UploadForm:
    """Call `file` first, then read `chunks` to its end; after that, `fields` is what else the form
    said, in its order.

    Every method raises TooManyFiles as soon as a second file begins, and BodyRefused for a body
    that is broken off."""

    def __init__(
        self,
        body: Body,
        content_type: bytes,
        *,
        file_field: str = "file",
        needs_name: bool = True,
        field_bytes: int = FIELD_BYTES,
    ) -> None:
        """`needs_name`: without a file name, the part `file_field` is a field like others;
        `field_bytes`: how much of all fields is kept. Raises NoFileUploaded for anything but
        multipart/form-data."""
        media_type, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if media_type != b"multipart/form-data" or not boundary:
            raise NoFileUploaded("The request is no multipart/form-data.")
        self.fields: list[tuple[str, bytearray]] = []
        self._body = body
        self._file_field = file_field.encode()
        self._needs_name = needs_name
        self._room = field_bytes
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._file: FilePart | None = None
        self._files = 0
        self._content: deque[bytes] = deque()
        self._take: Callable[[bytes], None] | None = None
        self._is_ended = False
        self._parser = self._open_parser(boundary)

    async def file(self) -> FilePart:
        """The part that is the file. Raises NoFileUploaded when the form has none."""
        while self._file is None and not self._is_ended:
            await self._feed()
        if self._file is None:
            raise NoFileUploaded(
                f"No part of the form is a file named '{self._file_field.decode()}'."
            )
        return self._file

    def text(self, field: str) -> str:
        """The last field of that name; empty when there is none."""
        texts = [content for name, content in self.fields if name == field]
        return texts[-1].decode("utf-8", "replace") if texts else ""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes of the file; the last one is followed by the rest of the form."""
        while True:
            while self._content:
                yield self._content.popleft()
            if self._is_ended:
                return
            await self._feed()

    async def finish(self) -> None:
        """Read the rest and forget it."""
        async for _ in self.chunks():
            pass

    async def _feed(self) -> None:
        if self._body.is_complete:
            raise BodyRefused(400, "The form is broken off before its last boundary.")
        piece = await self._body.chunk()
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise BodyRefused(400, f"The form cannot be read: {error}") from None
        if self._files > 1:
            raise TooManyFiles("The form holds more than one file.")

    def _open_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise NoFileUploaded(str(error)) from None

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        field = options.get(b"name")
        name = _file_name(disposition, options)
        is_file = name is not None or (field == self._file_field and not self._needs_name)
        self._take = None
        if not is_file:
            if len(self.fields) < FIELDS:
                self.fields.append(((field or b"").decode("utf-8", "replace"), bytearray()))
                self._take = self._take_field
            return
        self._files += 1
        if field == self._file_field and self._file is None:
            declared = self._headers.get(b"content-type", b"").partition(b";")[0].strip()
            self._file = FilePart(name or "", declared.decode("latin-1").lower() or None)
            self._take = self._content.append

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._take is not None:
            self._take(data[start:end])

    def _take_field(self, data: bytes) -> None:
        """Of fields that are far too long, enough to see that they are."""
        taken = data[: self._room]
        self._room -= len(taken)
        self.fields[-1][1].extend(taken)

    def _on_end(self) -> None:
        self._is_ended = True


def _file_name(disposition: bytes, options: dict[bytes, bytes]) -> str | None:
    """What the part calls its file: the extended spelling of RFC 5987 first, then raw UTF-8; None
    for a plain field."""
    extended = _EXTENDED_NAME.search(disposition)
    if extended is not None:
        charset, quoted = extended.groups()
        try:
            return unquote_to_bytes(quoted).decode(charset.decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            pass
    name = options.get(b"filename")
    return name.decode("utf-8", "replace") if name is not None else None
