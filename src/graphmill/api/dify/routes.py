"""Every endpoint of this API, in one table (`service-api §6`)."""

import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from graphmill import __version__
from graphmill.api.answers import BytesAnswer
from graphmill.api.dify import (
    audio,
    chat,
    conversations,
    files,
    form_page,
    human_input,
    info,
    logs,
    messages,
    openapi,
    reference,
    runs,
    uploads,
)
from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.auth import authenticate, key_of
from graphmill.api.dify.calls import Api, Call
from graphmill.api.dify.errors import error_answer
from graphmill.api.dify.other_modes import completion
from graphmill.api.metrics import MetricsPage
from graphmill.errors import StoreError
from graphmill.jsontext import encode
from graphmill.ports.code import CodeSandbox
from graphmill.service.services import Services

Handler: TypeAlias = Callable[[Call], Awaitable[ASGIApp]]
Answerer: TypeAlias = Callable[[Scope, Receive], Awaitable[ASGIApp]]

logger = logging.getLogger(__name__)

_VARIABLE: Final = "/conversations/{conversation_id}/variables/{variable_id}"

ENDPOINTS: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", "/workflows/run", runs.run),
    ("POST", "/workflows/{workflow_id}/run", runs.run_version),
    ("GET", "/workflows/run/{run_id}", runs.detail),
    ("POST", "/workflows/tasks/{task_id}/stop", runs.stop),
    # dify-api-client spells it so.
    ("POST", "/workflows/{task_id}/stop", runs.stop),
    ("GET", "/workflow/{run_id}/events", runs.rejoin),
    ("GET", "/workflows/logs", logs.page),
    ("GET", "/form/human_input/{form_token}", human_input.show),
    ("POST", "/form/human_input/{form_token}", human_input.submit),
    ("POST", "/files/upload", uploads.upload),
    ("GET", "/files/{file_id}/preview", files.preview),
    ("GET", "/info", info.info),
    ("GET", "/parameters", info.parameters),
    ("GET", "/meta", info.meta),
    ("GET", "/site", info.site),
    ("GET", "/end-users/{end_user_id}", info.end_user),
    ("POST", "/chat-messages", chat.ask),
    ("POST", "/chat-messages/{task_id}/stop", chat.stop),
    ("GET", "/messages", messages.page),
    ("GET", "/messages/{message_id}/suggested", messages.suggested),
    ("POST", "/messages/{message_id}/feedbacks", messages.rate),
    ("GET", "/app/feedbacks", messages.feedbacks),
    ("POST", "/text-to-audio", audio.text_to_audio),
    ("POST", "/audio-to-text", audio.audio_to_text),
    ("GET", "/conversations", conversations.page),
    ("DELETE", "/conversations/{conversation_id}", conversations.delete),
    ("POST", "/conversations/{conversation_id}/name", conversations.rename),
    ("GET", "/conversations/{conversation_id}/variables", conversations.variables),
    ("PUT", _VARIABLE, conversations.set_variable),
    ("PATCH", _VARIABLE, conversations.set_variable),
    ("POST", "/completion-messages", completion),
    ("POST", "/completion-messages/{task_id}/stop", completion),
)
"""Method, path below `/v1`, handler; all of them need a key. The busiest come first: the router
tries them in order."""


class Endpoint:
    """Sends what `answer` gives, or the error it raises, as an ASGI application."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp
        try:
            answer = await self._answer(scope, receive)
        # The one place where a request may end in an error that nobody foresaw.
        except Exception as error:
            answer = error_answer(error)
        await answer(scope, receive, send)


def with_key(api: Api, handler: Handler) -> Answerer:
    """`handler`, for requests that carry the key of an app."""

    async def answer(scope: Scope, receive: Receive) -> ASGIApp:
        headers = dict(scope["headers"])
        key = key_of(headers.get(b"authorization"))
        app = authenticate(api.services.catalog, key)
        api.rates.require(key)
        path, query = scope["path_params"], scope["query_string"]
        return await handler(Call(api, app, headers, path, query, receive))

    return answer


async def index(_: Request) -> ASGIApp:
    content = {"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": __version__}
    return JsonAnswer(encode(content))


def health(sandbox: CodeSandbox) -> Callable[[Request], Awaitable[ASGIApp]]:
    async def answer(_: Request) -> ASGIApp:
        content = {
            "pid": os.getpid(),
            "status": "ok",
            "version": __version__,
            # Dify has nothing like it; clients of /health look at the status.
            "sandbox": asdict(sandbox.standing()),
        }
        return JsonAnswer(encode(content))

    return answer


def ready(services: Services) -> Callable[[Request], Awaitable[ASGIApp]]:
    """Should requests be sent here? Not to a server that is ending, or has lost its database."""

    async def answer(_: Request) -> ASGIApp:
        if services.runs.is_closing:
            return JsonAnswer(encode({"status": "ending"}), status=503)
        try:
            # Finds nobody; that it can be asked is what counts.
            await services.end_users.get("", "")
        except StoreError as error:
            logger.error("Not ready: %s", error.for_operator())
            return JsonAnswer(encode({"status": "no database"}), status=503)
        return JsonAnswer(encode({"status": "ready"}))

    return answer


async def openapi_document(_: Request) -> ASGIApp:
    return JsonAnswer(openapi.encoded())


async def reference_page(_: Request) -> ASGIApp:
    return BytesAnswer(reference.page(), headers=reference.HEADERS)


def routes(services: Services) -> list[Route]:
    """Everything that this API answers, inside `/v1` and beside it."""
    api = Api.over(services)
    return [
        *(
            Route(f"/v1{path}", Endpoint(with_key(api, handler)), methods=[method])
            for method, path, handler in ENDPOINTS
        ),
        *(
            Route(path, Endpoint(files.signed(services.uploads, kind)), methods=["GET"])
            for kind, path in files.SIGNED_PATHS.items()
        ),
        Route(form_page.PATH, Endpoint(form_page.shown(services)), methods=["GET"]),
        Route(form_page.PATH, Endpoint(form_page.submitted(services)), methods=["POST"]),
        Route(info.BUILTIN_ICON_PATH, info.tool_icon),
        Route("/v1", index),
        Route("/v1/", index),
        Route("/health", health(services.sandbox)),
        Route("/ready", ready(services)),
        Route("/openapi.json", openapi_document),
        Route("/docs", reference_page),
        *_metrics(services),
    ]


def _metrics(services: Services) -> list[Route]:
    token = services.settings.metrics.token
    if token is None:
        return []
    page = MetricsPage(services.metrics, token.get_secret_value())
    return [Route("/metrics", page, methods=["GET"])]
