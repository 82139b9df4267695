"""What the operator learns of requests: an id in the log records of each, how it was answered."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final, TypeAlias

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphmill.ids import new_id
from graphmill.log_fields import log_fields

ROUTE: Final = "graphmill.route"
"""Where in its scope a request is told what its path is an example of."""
UNKNOWN: Final = "unknown"
"""In place of what a caller made up."""
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.-]{1,64}")

access = logging.getLogger("graphmill.access")


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that is over."""

    method: str
    route: str
    """As `route_of` gives it. Not the path: forms, logins and files are opened by what is in it."""
    status: int
    seconds: float


Told: TypeAlias = Callable[[Answered], None]


class Watch:
    """Pure ASGI. `X-Request-Id` is the caller's own, if it can be an id, or a new one."""

    def __init__(self, app: ASGIApp, paths: Mapping[object, str], told: Sequence[Told]) -> None:
        """`paths` as of `paths_of`; `told` are called with each request that is over."""
        self._app = app
        self._paths = paths
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = _request_id(scope)
        # What uvicorn answers when the application breaks.
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        with log_fields(request_id=request_id.decode()):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                if self._told:
                    self._tell(scope, status, perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        answered = Answered(
            scope["method"] if scope["method"] in _METHODS else UNKNOWN,
            route_of(self._paths, scope),
            status,
            seconds,
        )
        for told in self._told:
            told(answered)


def log_access(answered: Answered) -> None:
    access.info(
        "%s %s %d",
        answered.method,
        answered.route,
        answered.status,
        extra={
            "route": answered.route,
            "status": answered.status,
            "seconds": round(answered.seconds, 4),
        },
    )


def paths_of(routes: Iterable[Route]) -> dict[object, str]:
    """By their endpoints."""
    return {route.endpoint: route.path for route in routes}


def route_of(paths: Mapping[object, str], scope: Scope) -> str:
    """What the path of a request that is over is an example of; `UNKNOWN` where nothing is."""
    return scope.get(ROUTE) or paths.get(scope.get("endpoint"), UNKNOWN)


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return new_id().encode()
