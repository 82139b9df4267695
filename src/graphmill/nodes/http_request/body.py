"""The body of the request: what is sent, and what the record of the request shows of it."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from graphmill import media_types
from graphmill.errors import FileNotFound, OutboundRefused, StoreError
from graphmill.nodes.http_request import data as configured
from graphmill.ports.files import FileVault
from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template

MAX_FILE_BYTES: Final = 100 * 1024 * 1024
"""The largest upload that config allows unless it says something else."""


class RequestInvalid(Exception):
    """The request cannot be built; `kind` is the node's `error_type`."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Body:
    pieces: tuple[bytes, ...] = ()
    record: str = ""
    """What the request's record shows in its place."""
    content_type: str | None = None
    """Goes with it unless the author's headers name one."""
    fixes_content_type: bool = False
    """Does `content_type` say how to take the body apart, so that the author's cannot be right?"""


@dataclass(frozen=True, slots=True)
class _Item:
    key: Template
    value: Template
    is_file: bool
    selector: Selector


@dataclass(frozen=True, slots=True)
class _FilePart:
    key: str
    file: File
    content: bytes


class BodyPlan:
    """A node's body, prepared as far as that goes without values."""

    def __init__(self, body: configured.Body) -> None:
        self._type = body.type
        self._items = [
            _Item(
                Template.parse(item.key),
                Template.parse(item.value),
                item.type == "file",
                item.file,
            )
            for item in body.data
        ]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        templates = [template for item in self._items for template in (item.key, item.value)]
        return (
            *(selector for template in templates for selector in template.selectors),
            *(item.selector for item in self._items if item.selector),
        )

    async def fill(self, pool: Pool, vault: FileVault) -> Body:
        """The body with values in place. Raises RequestInvalid."""
        match self._type:
            case "none":
                return Body()
            case "raw-text":
                return _text_body(self._only_item().value.render(pool), "text/plain")
            case "json":
                text = await _proper_json(self._only_item().value.render(pool))
                return _text_body(text, "application/json")
            case "x-www-form-urlencoded":
                text = urlencode(self._fields(pool), errors="replace")
                return _text_body(text, "application/x-www-form-urlencoded")
            case "form-data":
                return _multipart(self._fields(pool), await self._file_parts(pool, vault))
            case "binary":
                return await self._binary(pool, vault)

    async def _binary(self, pool: Pool, vault: FileVault) -> Body:
        selector = self._only_item().selector
        file = pool.find(selector)
        if not isinstance(file, File):
            raise RequestInvalid(
                f"cannot fetch file with selector {list(selector)}", "FileFetchError"
            )
        content = await _read(file, vault)
        return Body((content,), f"<binary_content: size={len(content)} bytes>")

    def _only_item(self) -> _Item:
        if len(self._items) != 1:
            raise RequestInvalid(
                f"{self._type} body type should have exactly one item", "RequestBodyError"
            )
        return self._items[0]

    def _fields(self, pool: Pool) -> dict[str, str]:
        return {
            item.key.render(pool): item.value.render(pool)
            for item in self._items
            if not item.is_file
        }

    async def _file_parts(self, pool: Pool, vault: FileVault) -> list[_FilePart]:
        """One part for each file; variables that hold none are passed over."""
        files = [
            (item.key.render(pool), file)
            for item in self._items
            if item.is_file
            for file in _files_at(item.selector, pool)
        ]
        return [_FilePart(key, file, await _read(file, vault)) for key, file in files]


def _files_at(selector: Selector, pool: Pool) -> list[File]:
    """A file, or those in a list; nothing else can be attached."""
    found = pool.find(selector)
    return [
        file for file in (found if isinstance(found, list) else [found]) if isinstance(file, File)
    ]


async def _read(file: File, vault: FileVault) -> bytes:
    try:
        return await vault.read(file, limit=MAX_FILE_BYTES)
    except (FileNotFound, OutboundRefused, StoreError, OSError, ValueError) as error:
        raise RequestInvalid(
            f"cannot fetch file {file.filename!r}: {error}", "FileFetchError"
        ) from error


def _text_body(text: str, content_type: str) -> Body:
    content = text.encode(errors="replace")
    return Body((content,) if content else (), text, content_type)


async def _proper_json(text: str) -> str:
    """`text` as JSON that everybody reads; values put into it often break it (`nodes §10`)."""
    try:
        return _rewritten_json(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _rewritten_json(await asyncio.to_thread(_repaired, text))
    except (ValueError, RecursionError):
        raise RequestInvalid(f"Failed to parse JSON: {text}", "RequestBodyError") from None


def _rewritten_json(text: str) -> str:
    return json.dumps(json.loads(text, strict=False))


def _repaired(text: str) -> str:
    # Keeps start-up fast: most bodies need no repair.
    from json_repair import repair_json  # noqa: PLC0415

    return repair_json(text, skip_json_loads=True)


def _multipart(fields: dict[str, str], files: Sequence[_FilePart]) -> Body:
    """Its record shows the files alone if there are any, as Dify's does."""
    # Fresh for each request: whoever knows it beforehand could write parts into a value.
    boundary = f"----WebKitFormBoundary{os.urandom(8).hex()}"
    opening = f"--{boundary}\r\nContent-Disposition: form-data; name="
    closing = f"--{boundary}--\r\n"
    pieces: list[bytes] = []
    records: list[str] = []
    for key, value in fields.items():
        field = f'{opening}"{_quoted(key)}"\r\n\r\n{value}\r\n'
        pieces.append(field.encode(errors="replace"))
        if not files:
            records.append(f'{opening}"{key}"\r\n\r\n{value}\r\n')
    for part in files:
        name, mime_type = part.file.filename, part.file.mime_type or media_types.UNKNOWN
        head = (
            f'{opening}"{_quoted(part.key)}"; filename="{_quoted(name or "file")}"\r\n'
            f"Content-Type: {mime_type}\r\n\r\n"
        )
        pieces += (head.encode(errors="replace"), part.content, b"\r\n")
        records.append(
            f'{opening}"{part.key}"\r\n\r\n<file_content_binary: {name or "unknown"!r}, '
            f"type={mime_type!r}, size={len(part.content)} bytes>\r\n"
        )
    return Body(
        (*pieces, closing.encode()),
        "".join([*records, closing]),
        f"multipart/form-data; boundary={boundary}",
        fixes_content_type=True,
    )


def _quoted(text: str) -> str:
    """As browsers write names in a multipart body."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
