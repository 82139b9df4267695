"""Requests for Nextcloud, from their first byte to the answer: what is below `/ocs`, and beside."""

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from graphmill.api.answers import BytesAnswer
from graphmill.api.bodies import MAX_JSON_DEPTH, Body, is_too_deep
from graphmill.api.forms import UploadForm
from graphmill.api.ocs.auth import identify
from graphmill.api.ocs.calls import Api, Call
from graphmill.api.ocs.envelope import (
    JSON,
    Form,
    OcsVersion,
    Reply,
    enveloped,
    error_answer,
    plain_answer,
    wants_json,
)
from graphmill.api.ocs.errors import (
    INTERNAL_ERROR,
    OcsError,
    PlainError,
    no_such_route,
    ocs_error,
    refused,
)
from graphmill.api.ocs.first_calls import status
from graphmill.api.ocs.login import LoginFlows
from graphmill.api.ocs.parameters import Parameters, nested, read_pairs
from graphmill.api.ocs.routes import endpoint_at, find_route, guard
from graphmill.api.watch import ROUTE
from graphmill.config.ocs import OcsSettings
from graphmill.errors import NoFileUploaded
from graphmill.jsontext import decode, encode
from graphmill.service.services import Services
from graphmill.service.windows import Window

BRIEF_BYTES: Final = 64 * 1024
"""Of a form: what strangers may send, and what is read at once."""

_PREFIXES: Final = ("/ocs/", "/login/v2", "/status.php")
_SLASHES: Final = re.compile(r"/{2,}")
_OCS_PATH: Final = re.compile(r"/ocs/v([12])\.php(/.*)")
_JSON_TYPE: Final = re.compile(r"application/(?:[\w.-]+\+)?json")
_FLOW: Final = re.compile(r"/login/v2/flow/([\w-]+)")
_PAGES: Final = frozenset({"/status.php", "/login/v2", "/login/v2/poll", "/login/v2/flow"})


class NextcloudPaths:
    """Middleware: hands requests that are for Nextcloud to `ocs`, and all others on, untouched.

    Clients put slashes twice, or the name of a script before the path (`§1.1`)."""

    def __init__(self, app: ASGIApp, ocs: ASGIApp, base_path: str) -> None:
        self._app = app
        self._ocs = ocs
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._meant(scope["path"]) if scope["type"] == "http" else None
        if path is None:
            await self._app(scope, receive, send)
        else:
            meant = {**scope, "path": path}
            try:
                await self._ocs(meant, receive, send)
            finally:
                scope[ROUTE] = meant.get(ROUTE)

    def _meant(self, path: str) -> str | None:
        """What the path of a request for Nextcloud means; None for one that is not."""
        if path.startswith("/v1/"):
            return None
        path = _SLASHES.sub("/", path)
        for prefix in (self._base_path, "/index.php"):
            if prefix and path.startswith(f"{prefix}/"):
                path = path.removeprefix(prefix)
        if not path.startswith(_PREFIXES):
            return None
        return path.removesuffix("/")


class OcsApplication:
    """An ASGI application."""

    def __init__(self, services: Services) -> None:
        self._api = Api(services, _windows(services.settings.ocs))
        self._flows = LoginFlows(self._api)
        self._body_limit = services.settings.limits.body_mb << 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _OCS_PATH.fullmatch(scope["path"])
        answer: ASGIApp
        if match is not None:
            version: OcsVersion = 1 if match[1] == "1" else 2
            answer = await self._answer(scope, receive, version, match[2])
        else:
            answer = await self._beside(scope, receive)
        await answer(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, version: OcsVersion, path: str
    ) -> ASGIApp:
        headers = dict(scope["headers"])
        query = read_pairs(scope["query_string"])
        accept = headers.get(b"accept", b"").decode("latin-1")
        form = Form(version, wants_json(query.get("format"), accept))
        failure = INTERNAL_ERROR
        try:
            caller = await identify(self._api, headers, _address(scope))
            route, in_path = find_route(path)
            scope[ROUTE] = f"/ocs/v{version}.php{route}"
            endpoint = endpoint_at(route, scope["method"])
            failure = endpoint.failure
            has_ocs_header = bool(headers.get(b"ocs-apirequest"))
            guard(self._api, endpoint, caller, has_ocs_header=has_ocs_header)
            in_body: Mapping[str, Any] = {}
            is_json = False
            if not endpoint.takes_file:
                in_body, is_json = await _read_body(headers, receive, limit=self._body_limit)
                if "format" in in_body:
                    form = Form(version, wants_json(in_body["format"], accept))
            given = Parameters({**query, **in_body}, words_are_booleans=not is_json)
            call = Call(self._api, caller, form, headers, in_path, given, receive)
            reply = await endpoint.handler(call)
            return enveloped(reply, form) if isinstance(reply, Reply) else reply
        except PlainError as error:
            return plain_answer(error)
        # The one place where a request may end in an error that nobody foresaw.
        except Exception as error:
            return error_answer(ocs_error(error, failure), form)

    async def _beside(self, scope: Scope, receive: Receive) -> ASGIApp:
        """What Nextcloud answers outside of OCS."""
        headers = dict(scope["headers"])
        try:
            return await self._page(scope, headers, receive)
        except PlainError as error:
            return plain_answer(error)
        except Exception as error:
            return error_answer(ocs_error(error), Form(2, is_json=True))

    async def _page(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> BytesAnswer:
        method, path = scope["method"], scope["path"]
        address = _address(scope)
        flow = _FLOW.fullmatch(path)
        page = "/login/v2/flow" if flow else path
        if page in _PAGES:
            scope[ROUTE] = page
        match (method, page):
            case ("GET" | "HEAD", "/status.php"):
                return BytesAnswer(encode(status(self._api)), headers=((b"content-type", JSON),))
            case ("POST", "/login/v2"):
                return self._flows.begin(headers.get(b"user-agent", b"").decode("latin-1"), address)
            case ("POST", "/login/v2/poll"):
                given, _ = await _read_body(headers, receive, limit=BRIEF_BYTES)
                return self._flows.poll(str(given.get("token", "")))
            case ("GET" | "HEAD", "/login/v2/flow") if flow is not None:
                return self._flows.show(flow[1])
            case ("POST", "/login/v2/flow") if flow is not None:
                given, _ = await _read_body(headers, receive, limit=BRIEF_BYTES)
                user, password = str(given.get("user", "")), str(given.get("password", ""))
                return await self._flows.grant(flow[1], user, password, address)
            case _ if page in _PAGES:
                raise PlainError(405)
            case _:
                raise no_such_route()


async def _read_body(
    headers: Mapping[bytes, bytes], receive: Receive, *, limit: int
) -> tuple[Mapping[str, Any], bool]:
    """The parameters in the body, of any method, and whether they came as JSON."""
    announced = headers.get(b"content-length", b"")
    if announced in (b"", b"0") and b"transfer-encoding" not in headers:
        return {}, False
    content_type = headers.get(b"content-type", b"")
    media_type = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    body = Body(receive, announced, limit=limit, excess=partial(_too_large, limit))
    if media_type == "multipart/form-data":
        return await _read_form(body, content_type, limit=limit), False
    text = await body.read()
    if _JSON_TYPE.fullmatch(media_type):
        return _read_json(text), True
    if media_type == "application/x-www-form-urlencoded":
        if len(text) > BRIEF_BYTES:
            # Other requests go on meanwhile.
            return await asyncio.to_thread(read_pairs, text), False
        return read_pairs(text), False
    return {}, False


def _read_json(text: bytes) -> Mapping[str, Any]:
    if not text.strip():
        return {}
    try:
        content = decode(text)
    except ValueError as error:
        raise refused(400, f"The body is no JSON: {error}") from None
    if is_too_deep(text, content):
        raise refused(400, f"The body is nested more than {MAX_JSON_DEPTH} deep")
    if content == []:
        return {}
    if not isinstance(content, dict):
        raise refused(400, "The body must be a JSON object")
    return content


async def _read_form(body: Body, content_type: bytes, *, limit: int) -> Mapping[str, Any]:
    try:
        form = UploadForm(body, content_type, field_bytes=limit)
    except NoFileUploaded as error:
        raise refused(400, str(error)) from None
    await form.finish()
    return nested((name, text.decode("utf-8", "replace")) for name, text in form.fields)


def _windows(settings: OcsSettings) -> dict[str, Window]:
    """What is counted for whom."""
    rates = settings.rate_limit
    counted = [
        (f"{name} {who}", window)
        for name in ("schedule", "text schedule", "image schedule")
        for who, window in (("user", rates.user), ("anonymous", rates.anonymous))
    ]
    counted += [("fetch user", rates.fetch), ("fetch anonymous", rates.fetch)]
    return {name: Window(*window) for name, window in counted if window}


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _too_large(limit: int) -> OcsError:
    return refused(413, f"The body is larger than {limit} bytes")
