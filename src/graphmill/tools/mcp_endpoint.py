"""Where an MCP server is spoken to."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphmill.ports.http import HttpClient, HttpLimits


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is spoken to (streamable HTTP), and how."""

    url: str
    headers: Mapping[str, str]
    http: HttpClient
    """Must let requests through to `url`."""
    limits: HttpLimits
