"""Headers that every response carries."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from graphmill.api.middleware import ResponseHeaders


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def client(*cors_origins: str) -> httpx.AsyncClient:
    headers = Middleware(
        ResponseHeaders, version="1.2.3", environment="TEST", cors_origins=cors_origins
    )
    app = Starlette(routes=[Route("/", hello, methods=["GET", "OPTIONS"])], middleware=[headers])
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://server")


@pytest.mark.parametrize("path", ["/", "/nowhere"])
async def test_version_and_environment_are_on_every_response(path: str) -> None:
    response = await client("*").get(path)
    assert ("1.2.3", "TEST") == (response.headers["x-version"], response.headers["x-env"])


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://a.example"}], ids=["none", "some"])
async def test_any_origin_may_read_by_default(headers: dict[str, str]) -> None:
    response = await client("*").get("/", headers=headers)
    assert "*" == response.headers["access-control-allow-origin"]
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://a.example", "http://a.example"),
        ("http://b.example", None),
        ("http://a.example.evil", None),
    ],
)
async def test_only_listed_origins_may_read(origin: str, allowed: str | None) -> None:
    response = await client("http://a.example").get("/", headers={"Origin": origin})
    assert allowed == response.headers.get("access-control-allow-origin")
    assert "Origin" == response.headers["vary"]


async def test_preflight_is_told_methods_and_headers() -> None:
    response = await client("*").options("/", headers={"Origin": "http://a.example"})
    methods = set(response.headers["access-control-allow-methods"].split(", "))
    headers = set(response.headers["access-control-allow-headers"].lower().split(", "))
    assert {"GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"} == methods
    assert {"content-type", "x-app-code", "x-app-passport", "authorization"} == headers


async def test_only_http_is_touched() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": "lifespan.startup.complete"})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    wrapped = ResponseHeaders(app, version="1", environment="TEST", cors_origins=["*"])
    await wrapped({"type": "lifespan"}, receive, send)
    assert [{"type": "lifespan"}] == seen
    assert [{"type": "lifespan.startup.complete"}] == sent
