"""`POST /files/upload` (`service-api §17.1, §17.2`)."""

from contextlib import aclosing
from typing import Final

from starlette.types import ASGIApp

from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.calls import Call
from graphmill.api.dify.requests import body_of, named_user
from graphmill.api.forms import UploadForm
from graphmill.errors import FileTooLarge, FileTypeMissing, InvalidParameter, UploadRefused
from graphmill.jsontext import encode
from graphmill.storage.end_users import EndUser
from graphmill.storage.uploads import Upload
from graphmill.variables.files import WORKSPACE_ID

FORM_BYTES: Final = 64 * 1024
"""What a form may hold besides its file."""


async def upload(call: Call) -> ASGIApp:
    sizes = call.services.settings.limits.uploads_mb
    largest = max(sizes.document, sizes.image, sizes.audio, sizes.video) * 1024 * 1024
    body = body_of(call, limit=largest + FORM_BYTES, excess=_too_large)
    form = UploadForm(body, call.headers.get(b"content-type", b""))
    try:
        stored = await _save(call, form)
    except FileTooLarge:
        raise
    except (UploadRefused, InvalidParameter):
        # That there are two files weighs more than what is wrong with the first: read on and see.
        await form.finish()
        raise
    return JsonAnswer(encode(_shown(call, stored)), status=201)


async def _save(call: Call, form: UploadForm) -> Upload:
    part = await form.file()
    if part.mime_type is None:
        raise FileTypeMissing("The file part has no Content-Type.")

    async def owner() -> EndUser:
        return await named_user(call, form.text("user"))

    async with aclosing(form.chunks()) as chunks:
        return await call.services.uploads.save(
            name=part.name, mime_type=part.mime_type, chunks=chunks, owner=owner
        )


def _too_large() -> FileTooLarge:
    return FileTooLarge("The file is larger than any that this server takes.")


def _shown(call: Call, stored: Upload) -> dict[str, str | int | None]:
    return {
        "id": stored.id,
        "name": stored.name,
        "size": stored.size,
        "extension": stored.extension,
        "mime_type": stored.mime_type,
        "created_by": stored.end_user_id,
        "created_at": int(stored.created_at),
        "preview_url": None,
        "source_url": call.services.uploads.file_of(stored).url,
        "original_url": None,
        "reference": None,
        "user_id": None,
        "tenant_id": WORKSPACE_ID,
        "conversation_id": None,
        "file_key": None,
    }
