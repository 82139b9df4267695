"""Config `tools`: which entry a provider is served by, and what the file must say."""

import pytest
from pydantic import ValidationError

from graphmill.config import Settings, load_settings
from graphmill.dsl.tools import ToolProvider
from graphmill.errors import ConfigInvalid, ToolNotFound
from graphmill.ports.tools import ToolRef
from tests.outbound.local_server import local_server, reply
from tests.tools.opened import call, opened

DOCUMENT = 'paths: {/x: {get: {operationId: current_time, summary: Mine}}}\nservers: [{url: "URL"}]'
TIME = ToolProvider("builtin", "time", "time")


@pytest.mark.parametrize(
    ("pattern", "provider"),
    [
        ("time", ToolProvider("builtin", "time", "Clock")),
        ("lang*/jina/*", ToolProvider("builtin", "langgenius/jina/jina", "")),
        ("weather", ToolProvider("api", "6e1f6a0e-0d55-4a8b-9f6e-6a1d8d4c1a11", "weather")),
    ],
)
def test_a_pattern_fits_ids_and_names(pattern, provider):
    assert provider.fits(pattern)
    assert not provider.fits("w")


async def test_the_first_entry_that_fits_counts(tmp_path):
    async with local_server(reply(body=b"mine")) as server:
        (tmp_path / "a.yml").write_text(DOCUMENT.replace("URL", server.url))
        mine = {"provider": "time", "kind": "openapi", "document": "a.yml"}
        other = {"provider": "*", "kind": "mcp", "url": "http://127.0.0.1:1"}
        async with opened(mine, other, folder=tmp_path) as tools:
            [message] = await call(tools, "current_time", {})
            assert (None, "mine") == (tools.icon(TIME), message.text)


async def test_what_is_built_in_has_an_icon_of_this_server():
    async with opened(server={"public_url": "https://flows.example"}) as tools:
        for name in ("time", "langgenius/time/time"):
            icon = tools.icon(ToolProvider("builtin", name, "time"))
            assert icon is not None
            assert icon.startswith("https://flows.example/console/api/")
        assert tools.icon(ToolProvider("builtin", "jina", "jina")) is None


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("workflow", "{provider: 'x', kind: workflow, app: SLUG}"),
        ("mcp", "{provider: 'x', kind: mcp, url: https://HOST/mcp}"),
        ("api", "{provider: 'x', kind: openapi, document: FILE (or kind: mcp"),
    ],
)
async def test_an_unknown_provider_is_told_with_what_to_write(kind, hint):
    async with opened() as tools:
        with pytest.raises(ToolNotFound) as caught:
            await tools.find(ToolRef(ToolProvider(kind, "id-1", "x"), "any"))
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "needed"), [("openapi", "document"), ("mcp", "url"), ("workflow", "app")]
)
def test_an_entry_says_where_the_tools_are(kind, needed):
    with pytest.raises(ValidationError, match=f"kind {kind} needs {needed}"):
        Settings.model_validate({"tools": [{"provider": "x", "kind": kind}]})


def test_an_app_that_is_a_tool_must_be_served(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("tools: [{provider: x, kind: workflow, app: y}]")
    with pytest.raises(ConfigInvalid, match="No app has the slug 'y'"):
        load_settings(path, environ={})
