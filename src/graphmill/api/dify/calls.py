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
from graphmill.config import Settings
from graphmill.service.apps.catalog import App, Catalog
from graphmill.service.conversations import Conversations
from graphmill.service.files.access import FileAccess
from graphmill.service.files.uploads import Uploads
from graphmill.service.forms.forms import Forms
from graphmill.service.runs.repeats import Repeats
from graphmill.service.runs.runs import Runs
from graphmill.service.services import Services
from graphmill.service.speech.speech import Speech
from graphmill.service.suggestions import Suggestions
from graphmill.storage.end_users import EndUserStore


@dataclass(frozen=True, slots=True)
class Api:
    settings: Settings
    catalog: Catalog
    runs: Runs
    repeats: Repeats
    forms: Forms
    conversations: Conversations
    suggestions: Suggestions
    speech: Speech
    uploads: Uploads
    files: FileAccess
    end_users: EndUserStore
    wire: Wire
    streams: Streams
    readers: Readers
    rates: Rates

    @classmethod
    def over(cls, services: Services) -> Self:
        wire = Wire(services.uploads.url_of)
        return cls(
            services.settings,
            services.catalog,
            services.runs,
            services.repeats,
            services.forms,
            services.conversations,
            services.suggestions,
            services.speech,
            services.uploads,
            services.files,
            services.end_users,
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

    def query(self) -> dict[str, str]:
        """The first value of each name."""
        pairs = parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True)
        return dict(reversed(pairs))

    def header(self, name: bytes) -> str:
        """The value of a header, by its lower-case name; empty when there is none."""
        return self.headers.get(name, b"").decode("latin-1")
