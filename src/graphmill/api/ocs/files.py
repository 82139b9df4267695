"""Files as bodies: what clients upload and download (`nextcloud-ocs §9.7, §11.5, §19.3`)."""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from graphmill.api.answers import HeaderPairs
from graphmill.api.bodies import Body
from graphmill.api.forms import UploadForm
from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import OcsError, refused
from graphmill.errors import FileNotFound, FileTooLarge, NoFileUploaded, TaskNotFound
from graphmill.media_types import mime_type_in
from graphmill.service.tasks.files import owner_named
from graphmill.storage.ocs_tasks import Task, TaskApi
from graphmill.storage.uploads import Upload

FORM_BYTES: Final = 64 * 1024
"""What a form may hold besides its file."""
UNNAMED: Final = "file"

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_UNQUOTABLE: Final = re.compile(r'[^ -~]|["\\]')
_HARMLESS: Final = re.compile(
    r"image/(gif|jpeg|png|webp)|text/plain|application/pdf|(audio|video)/[a-z0-9.+-]+"
)
"""Types that can hold no scripts."""


class FileAnswer:
    """A stored file, or a part of it."""

    __slots__ = ("_content", "_disposition", "_first", "_upload")

    def __init__(
        self, upload: Upload, first: bytes, content: AsyncIterator[bytes], disposition: str
    ) -> None:
        self._upload = upload
        self._first = first
        self._content = content
        self._disposition = disposition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = self._upload.size
        start, end = _range(dict(scope["headers"]).get(b"range", b"").decode("latin-1"), size)
        is_part = (start, end) != (0, size)
        headers = [*self._headers(), (b"content-length", b"%d" % (end - start))]
        if is_part:
            headers.append((b"content-range", f"bytes {start}-{end - 1}/{size}".encode()))
        status = 206 if is_part else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if scope["method"] != "HEAD":
            position = 0
            piece = self._first
            while piece and position < end:
                part = piece[max(0, start - position) : end - position]
                position += len(piece)
                if part:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                piece = await anext(self._content, b"")
        await send({"type": "http.response.body", "body": b""})

    def _headers(self) -> HeaderPairs:
        mime_type = mime_type_in(self._first) or self._upload.mime_type
        if not _HARMLESS.fullmatch(mime_type):
            mime_type = "application/octet-stream"
        return (
            (b"content-type", mime_type.encode()),
            (b"content-disposition", self._disposition.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"accept-ranges", b"bytes"),
            (b"cache-control", b"private, no-cache"),
        )


async def download(call: Call, upload: Upload, *, inline_name: str | None = None) -> ASGIApp:
    """Raises FileNotFound when the bytes are gone."""
    content = call.api.tasks.files.open(upload)
    # Whether the bytes are there shows with the first of them.
    first = await anext(content, b"")
    if inline_name is not None:
        disposition = f'inline; filename="{inline_name}"'
    else:
        plain, encoded = _UNQUOTABLE.sub("_", upload.name), quote(upload.name, safe="")
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    return FileAnswer(upload, first, content, disposition)


async def file_of_task(call: Call, task: Task) -> ASGIApp:
    """The file that the path names, if it is one of the task's."""
    upload = await call.api.tasks.file(task, call.number("file_id"))
    if upload is None:
        raise FileNotFound("Not found")
    return await download(call, upload)


async def own_task_file(call: Call) -> ASGIApp:
    try:
        task = await call.api.tasks.get(TaskApi.TASK, call.number("task_id"), call.caller.user_id)
    except TaskNotFound:
        raise refused(404, "Not found") from None
    return await file_of_task(call, task)


async def add_to_task(call: Call, task: Task) -> Reply:
    """A file for the output of a task, in the part `file`."""
    form = upload_form(call, "file")
    part = await form.file()
    async with aclosing(form.chunks()) as chunks:
        stored = await call.api.tasks.add_file(
            task, name=_bare(part.name), mime_type=part.mime_type, chunks=chunks
        )
    return Reply({"fileId": stored.number}, 201)


async def upload_input(call: Call) -> Reply:
    """A file that tasks of the caller may use; its name may stand beside it (`§19.3`)."""
    try:
        form = upload_form(call, "data")
        part = await form.file()
    except NoFileUploaded:
        # This is the one route whose error is a bare text.
        text = "No file was uploaded"
        raise OcsError(400, text, text) from None
    async with aclosing(form.chunks()) as chunks:
        stored = await call.api.tasks.files.add(
            owner_named(call.caller.user_id or ""),
            name=_bare(form.text("filename") or part.name),
            mime_type=None,
            chunks=chunks,
        )
    return Reply({"fileId": stored.number, "filePath": f"/{stored.name}"})


async def show_own(call: Call) -> ASGIApp:
    """An upload of the caller."""
    owner = owner_named(call.caller.user_id or "")
    upload = await call.api.tasks.files.find(call.number("file_id"), owner)
    if upload is None:
        raise FileNotFound("Not found")
    return await download(call, upload)


def upload_form(call: Call, field: str) -> UploadForm:
    sizes = call.api.settings.limits.uploads_mb
    largest = max(sizes.document, sizes.image, sizes.audio, sizes.video) * 1024 * 1024
    body = Body(
        call.receive,
        call.headers.get(b"content-length", b""),
        limit=largest + FORM_BYTES,
        excess=_too_large,
    )
    content_type = call.headers.get(b"content-type", b"")
    return UploadForm(body, content_type, file_field=field, needs_name=False)


def _too_large() -> FileTooLarge:
    return FileTooLarge("The file is larger than any that this server takes.")


def _bare(name: str) -> str:
    """Without folders; what has no name gets one."""
    return re.split(r"[/\\]", name)[-1] or UNNAMED


def _range(header: str, size: int) -> tuple[int, int]:
    """From which byte to before which; the whole file for anything but one range of its bytes."""
    match = _RANGE.fullmatch(header)
    if match is None or header == "bytes=-":
        return 0, size
    first, last = match[1], match[2]
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return (start, end) if start < end else (0, size)
