"""A request as the endpoints see it, and what all endpoints share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from starlette.types import Receive

from graphmill.api.dify.rates import Rates
from graphmill.api.dify.readers import Readers
from graphmill.api.dify.streams import Streams
from graphmill.api.dify.wire import Wire
from graphmill.service.apps.catalog import App
from graphmill.service.services import Services


@dataclass(frozen=True, slots=True)
class Api:
    """What requests share: all that a caller can do, and what this façade adds to it."""

    services: Services
    wire: Wire
    streams: Streams
    readers: Readers
    rates: Rates

    @classmethod
    def over(cls, services: Services) -> Self:
        wire = Wire(services.uploads.url_of)
        return cls(
            services,
            wire,
            Streams(services.runs, services.conversations, services.speech, wire),
            Readers(services.readers),
            Rates(services.settings.limits),
        )


@dataclass(slots=True)
class Call:
    """A request with a valid key."""

    api: Api
    app: App
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    """Parameters of the path."""
    query_string: bytes
    receive: Receive

    @property
    def services(self) -> Services:
        return self.api.services

    def query(self) -> dict[str, str]:
        """The first value of each name."""
        pairs = parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True)
        return dict(reversed(pairs))

    def header(self, name: bytes) -> str:
        """The value of a header, by its lower-case name; empty when there is none."""
        return self.headers.get(name, b"").decode("latin-1")
