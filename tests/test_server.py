"""How uvicorn is told to serve."""

import pytest
from starlette.applications import Starlette

from graphmill import server
from graphmill.config.server import ServerSettings


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
