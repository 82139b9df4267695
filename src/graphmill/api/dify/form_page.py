"""The page on which a person fills in a form, at `/form/TOKEN`: for those who got the link. Whoever
has it needs no key."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from html import escape
from typing import Final

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import ASGIApp, Receive, Scope

from graphmill.api.answers import BytesAnswer
from graphmill.api.bodies import Body, BodyRefused
from graphmill.api.dify.form_text import FIELD_PREFIX, body_of
from graphmill.api.pages import html_page
from graphmill.errors import (
    FormDataInvalid,
    FormExpired,
    FormNotFound,
    FormSubmitted,
    RequestRefused,
    UploadRefused,
)
from graphmill.ports.forms import FormInput, InputType, KeptForm
from graphmill.service.services import Services
from graphmill.storage.end_users import EndUser
from graphmill.variables.files import TransferMethod
from graphmill.variables.values import Value

PATH: Final = "/form/{form_token}"
MOST_FILES: Final = 50
MOST_FIELDS: Final = 500
"""Parts of one submission."""
PIECE_BYTES: Final = 64 * 1024
TITLE: Final = "Form"

_CLOSED: Final[dict[type[RequestRefused], tuple[int, str]]] = {
    FormNotFound: (404, "There is no such form. Is the link complete?"),
    FormSubmitted: (412, "This form has been filled in."),
    FormExpired: (412, "This form is closed: its time is over."),
}
_DONE: Final = "<p>Thank you. You can close this page.</p>"

Answerer = Callable[[Scope, Receive], Awaitable[ASGIApp]]


def shown(services: Services) -> Answerer:
    async def answer(scope: Scope, receive: Receive) -> ASGIApp:
        try:
            kept = await services.forms.get(scope["path_params"]["form_token"])
        except tuple(_CLOSED) as error:
            return _closed(error)
        return await _form(kept, kept.form.defaults)

    return answer


def submitted(services: Services) -> Answerer:
    async def answer(scope: Scope, receive: Receive) -> ASGIApp:
        try:
            # Whoever has no open form is not listened to.
            kept = await services.forms.get(scope["path_params"]["form_token"])
            return await _take(services, kept, scope, receive)
        except tuple(_CLOSED) as error:
            return _closed(error)

    return answer


async def _take(services: Services, kept: KeptForm, scope: Scope, receive: Receive) -> ASGIApp:
    headers = Headers(scope=scope)
    limit = _limit(services, kept)
    excess = partial(BodyRefused, 413, "That is more than this form takes.")
    try:
        announced = headers.get("content-length", "").encode()
        body = Body(receive, announced, limit=limit, excess=excess)
        parser = MultiPartParser(
            headers, _chunks(body), max_files=MOST_FILES, max_fields=MOST_FIELDS
        )
        sent = await parser.parse()
    except (BodyRefused, MultiPartException, KeyError) as error:
        status = error.status if isinstance(error, BodyRefused) else 400
        return await _form(kept, kept.form.defaults, f"This was not understood: {error}", status)
    values: dict[str, Value] = {}
    try:
        user = await _user(services, kept)
        for field in kept.form.inputs:
            await _read(services, user, field, sent, values)
        find = partial(services.files.find, user=user)
        await services.forms.submit(kept, str(sent.get("action", "")), values, find)
    except (FormDataInvalid, UploadRefused) as error:
        return await _form(kept, values, str(error), 400)
    finally:
        await sent.close()
    return html_page(TITLE, _DONE)


def _limit(services: Services, kept: KeptForm) -> int:
    """Bytes that a submission may have."""
    limits = services.settings.limits
    if all(field.type.is_text or field.type is InputType.SELECT for field in kept.form.inputs):
        return limits.body_mb << 20
    sizes = limits.uploads_mb
    return (limits.body_mb + sizes.document + sizes.image + sizes.audio + sizes.video) << 20


async def _chunks(body: Body) -> AsyncGenerator[bytes, None]:
    while not body.is_complete:
        yield await body.chunk()


async def _user(services: Services, kept: KeptForm) -> EndUser:
    """Whose run it is: files that come with the form belong to them. Raises FormNotFound."""
    app = next((app for app in services.catalog.apps if app.id == kept.app_id), None)
    if app is None:
        raise FormNotFound("Form not found")
    record = await services.runs.get(app, kept.run_id)
    return await services.end_users.ensure(app.id, record.session_id)


async def _read(
    services: Services, user: EndUser, field: FormInput, sent: FormData, values: dict[str, Value]
) -> None:
    """Put what was sent for `field` into `values`, as a request of the API would name it."""
    parts = sent.getlist(FIELD_PREFIX + field.name)
    if field.type.is_text or field.type is InputType.SELECT:
        if parts:
            # Browsers send line breaks as CR LF.
            values[field.name] = str(parts[-1]).replace("\r\n", "\n")
        return
    files: list[Value] = [
        await _save(services, user, part)
        for part in parts
        # A field without a choice comes as a file without a name.
        if isinstance(part, UploadFile) and part.filename
    ]
    if field.type is InputType.FILE_LIST:
        values[field.name] = files
    elif files:
        values[field.name] = files[0]


async def _save(services: Services, user: EndUser, part: UploadFile) -> Value:
    async def owner() -> EndUser:
        return user

    upload = await services.uploads.save(
        name=part.filename or "",
        mime_type=part.content_type or "application/octet-stream",
        chunks=_pieces(part),
        owner=owner,
    )
    return {"transfer_method": TransferMethod.LOCAL_FILE.value, "upload_file_id": upload.id}


async def _pieces(part: UploadFile) -> AsyncIterator[bytes]:
    while piece := await part.read(PIECE_BYTES):
        yield piece


async def _form(
    kept: KeptForm, values: Mapping[str, Value], notice: str = "", status: int = 200
) -> BytesAnswer:
    form = kept.form
    # It may take a while.
    body = await asyncio.to_thread(body_of, form, values)
    title = form.node_title or TITLE
    until = datetime.fromtimestamp(kept.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    told = f'<p class="notice" role="alert">{escape(notice)}</p>' if notice else ""
    aside = f'<p class="aside">This form is open until {until}.</p>'
    return html_page(title, f"{told}{body}{aside}", status=status, width="40em")


def _closed(error: RequestRefused) -> BytesAnswer:
    status, sentence = _CLOSED[type(error)]
    return html_page(TITLE, f"<p>{sentence}</p>", status=status)
