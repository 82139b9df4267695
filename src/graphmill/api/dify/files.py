"""Downloads: signed links outside `/v1`, and files of messages (`service-api §17.3, §17.4`)."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl, quote
from uuid import UUID

from starlette.types import ASGIApp, Receive, Scope, Send

from graphmill.api.answers import BytesAnswer, HeaderPairs
from graphmill.api.dify.calls import Call
from graphmill.api.dify.errors import ApiError, not_found
from graphmill.api.dify.requests import is_uuid
from graphmill.errors import FileNotFound, InvalidParameter, SignatureInvalid
from graphmill.media_types import UNKNOWN
from graphmill.service.files.uploads import Uploads
from graphmill.storage.uploads import Upload

SIGNED_PATHS: Final = {
    "file-preview": "/files/{file_id}/file-preview",
    "image-preview": "/files/{file_id}/image-preview",
    "tools": "/files/tools/{file_id}",
}
"""Kind of link → path."""

_CACHED: Final = ((b"cache-control", b"public, max-age=3600"),)
_TRUTH_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}
_INLINE_TYPES: Final = re.compile(
    r"image/(gif|jpeg|png|webp)|text/(csv|markdown|plain)|application/(json|pdf)"
    r"|(audio|video)/[a-z0-9.+-]+"
)
"""What a browser may show where the link leads: nothing that can hold scripts."""


def _presented(upload: Upload, *, as_attachment: bool) -> tuple[str, str | None]:
    """`Content-Type` and, if there is one, `Content-Disposition` of a file. Types that are not
    known to be harmless are for saving only."""
    if as_attachment or not _INLINE_TYPES.fullmatch(upload.mime_type):
        return UNKNOWN, f"attachment; filename*=UTF-8''{quote(upload.name, safe='')}"
    charset = "; charset=utf-8" if upload.mime_type.startswith("text/") else ""
    return f"{upload.mime_type}{charset}", None


class FileAnswer:
    """A file, piece by piece."""

    __slots__ = ("_first", "_headers", "_rest")

    def __init__(
        self,
        upload: Upload,
        first: bytes,
        rest: AsyncIterator[bytes],
        *,
        as_attachment: bool,
        headers: HeaderPairs = (),
    ) -> None:
        self._first = first
        self._rest = rest
        content_type, disposition = _presented(upload, as_attachment=as_attachment)
        self._headers = [
            (b"content-length", b"%d" % upload.size),
            (b"x-content-type-options", b"nosniff"),
            *headers,
            (b"content-type", content_type.encode()),
        ]
        if disposition is not None:
            self._headers.append((b"content-disposition", disposition.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        if scope["method"] != "HEAD":
            await send({"type": "http.response.body", "body": self._first, "more_body": True})
            async for piece in self._rest:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def signed(uploads: Uploads, kind: str) -> Callable[[Scope, Receive], Awaitable[ASGIApp]]:
    """Answers links of one kind of `SIGNED_PATHS`."""

    async def answer(scope: Scope, receive: Receive) -> ASGIApp:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if not query.keys() >= {"timestamp", "nonce", "sign"}:
            raise ApiError(400, "bad_request", "The link needs timestamp, nonce and sign.")
        file_id, _, _ = scope["path_params"]["file_id"].partition(".")
        as_attachment = query.get("as_attachment") == "true"
        try:
            upload = await uploads.find_signed(
                kind,
                file_id,
                timestamp=query["timestamp"],
                nonce=query["nonce"],
                signature=query["sign"],
            )
            link = await _link(uploads, upload, scope["method"], as_attachment=as_attachment)
            if link is not None:
                return BytesAnswer(b"", status=302, headers=((b"location", link.encode()),))
            content = uploads.open(upload)
            # Whether the bytes are there, too, shows with the first of them.
            first = await anext(content, b"")
        except (SignatureInvalid, FileNotFound):
            if kind == "tools":
                raise ApiError(403, "forbidden", "Invalid request.") from None
            raise ApiError(404, "not_found", "File not found or signature is invalid") from None
        return FileAnswer(upload, first, content, as_attachment=as_attachment)

    return answer


async def _link(
    uploads: Uploads, upload: Upload, method: str, *, as_attachment: bool
) -> str | None:
    """Where the bytes are had in place of here."""
    if method == "HEAD":
        # The links of stores are for one method.
        return None
    content_type, disposition = _presented(upload, as_attachment=as_attachment)
    return await uploads.link(upload, content_type=content_type, disposition=disposition)


async def preview(call: Call) -> ASGIApp:
    """Files of messages only (`§17.3`): an upload that no message mentions is not found."""
    if not is_uuid(call.path["file_id"]):
        raise not_found()
    as_attachment = _TRUTH_WORDS.get(call.query().get("as_attachment", "false").lower())
    if as_attachment is None:
        raise InvalidParameter("as_attachment must be true or false", "as_attachment")
    file_id = str(UUID(call.path["file_id"]))
    apps = await call.services.conversations.apps_using(file_id)
    if not apps:
        raise FileNotFound(file_id)
    if call.app.id not in apps:
        raise ApiError(403, "file_access_denied", "The file belongs to another app.")
    upload = await call.services.uploads.get_by_id(file_id)
    content = call.services.uploads.open(upload)
    first = await anext(content, b"")
    return FileAnswer(upload, first, content, as_attachment=as_attachment, headers=_CACHED)
