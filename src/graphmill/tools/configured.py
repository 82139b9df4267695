"""Config `tools` as providers."""

from collections.abc import Callable, Iterator

from graphmill.config.tools import ToolSettings
from graphmill.errors import ConfigInvalid
from graphmill.ports.http import HttpClient, HttpLimits
from graphmill.ports.models import ModelRef
from graphmill.tools.api import api_tools
from graphmill.tools.images import ImageProvider, Painter
from graphmill.tools.mcp_endpoint import Endpoint
from graphmill.tools.mcp_server import McpProvider
from graphmill.tools.openapi import Api, read_api
from graphmill.tools.toolbox import MappedProvider, Provider
from graphmill.tools.workflow import Apps, WorkflowProvider


def configured_providers(
    entries: tuple[ToolSettings, ...],
    apps: Apps,
    painter: Painter,
    client_for: Callable[[str], HttpClient],
    limits: HttpLimits,
) -> Iterator[MappedProvider]:
    """In their order. `client_for`: (URL) → a client that may call it, and nothing else that is
    private. Raises ConfigInvalid for a document that describes no API."""
    for entry in entries:
        yield MappedProvider(entry.provider, _provider(entry, apps, painter, client_for, limits))


def _provider(
    entry: ToolSettings,
    apps: Apps,
    painter: Painter,
    client_for: Callable[[str], HttpClient],
    limits: HttpLimits,
) -> Provider:
    if entry.app is not None:
        return WorkflowProvider(entry.app, apps)
    if entry.model is not None:
        return ImageProvider(ModelRef(entry.model.provider, entry.model.name), painter)
    headers = {name: value.get_secret_value() for name, value in entry.headers.items()}
    if entry.document is None:
        assert entry.url is not None, "the configuration was checked"
        return McpProvider(Endpoint(entry.url, headers, client_for(entry.url), limits))
    api = _api(entry)
    url = entry.url or api.url
    if url is None or not url.startswith(("http://", "https://")):
        raise ConfigInvalid(f"tools: {entry.document} names no server; say where it is with `url`")
    return api_tools(api, url, headers, client_for(url), limits)


def _api(entry: ToolSettings) -> Api:
    assert entry.document is not None, "the caller has looked"
    try:
        return read_api(entry.document.read_bytes())
    except OSError as error:
        raise ConfigInvalid(f"tools: {entry.document} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigInvalid(f"tools: {entry.document}: {error}") from error
