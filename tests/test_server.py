"""How uvicorn is told to serve."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from graphmill import server
from graphmill.config.server import ServerSettings
from tests.api.serving import served


def test_server_listens_where_the_settings_say_and_keeps_its_name_to_itself() -> None:
    config = server.server_config(Starlette(), ServerSettings(host="::1", port=8080))
    assert ("::1", 8080) == (config.host, config.port)
    assert not config.server_header
    assert not config.access_log


def test_server_without_httptools_speaks_http_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "find_spec", lambda _: None)
    assert "h11" == server.server_config(Starlette(), ServerSettings()).http


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [([], "127.0.0.1"), (["10.0.0.0/8"], "127.0.0.1"), (["127.0.0.0/8"], "203.0.113.7")],
    ids=["nobody", "others", "the-proxy"],
)
async def test_only_a_trusted_proxy_says_whose_request_it_is(trusted: list[str], seen: str) -> None:
    async def who(request: Request) -> PlainTextResponse:
        assert request.client is not None
        return PlainTextResponse(request.client.host)

    settings = ServerSettings.model_validate({"trusted_proxies": trusted})
    config = server.server_config(Starlette(routes=[Route("/", who)]), settings)
    async with served(config) as port, httpx.AsyncClient() as client:
        claimed = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
        answer = await client.get(f"http://127.0.0.1:{port}/", headers=claimed)
    assert seen == answer.text
