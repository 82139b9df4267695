"""The models of config `models`: which entry serves which model of a workflow."""

from collections.abc import AsyncGenerator, Callable, Sequence

from graphmill.config.models import ModelSettings
from graphmill.engine.usage import Usage
from graphmill.errors import ModelNotConfigured, ModelRefused
from graphmill.models import anthropic, demo, e5, google, openai
from graphmill.models.endpoint import Endpoint
from graphmill.models.entry import Entry
from graphmill.models.over_http import HttpProvider
from graphmill.models.provider import Dialect
from graphmill.ports.files import FileVault
from graphmill.ports.http import HttpClient, Timeouts
from graphmill.ports.models import ChatPiece, ChatRequest, Feature, ModelCall, ModelRef


class ConfiguredModels:
    """`ports.Models`. Nothing is connected or loaded before the first call."""

    def __init__(
        self,
        settings: Sequence[ModelSettings],
        files: FileVault,
        http: Callable[[ModelSettings], HttpClient],
        told: Callable[[ModelCall], None] = lambda call: None,
    ) -> None:
        """`http`: the client that reaches the provider of an entry; `told` hears of each call."""
        self._entries = [_entry(one, files, http(one), told) for one in settings]

    def features(self, model: ModelRef) -> frozenset[Feature]:
        return self._find(model).features

    def context_size(self, model: ModelRef) -> int | None:
        return self._find(model).context_size

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        return self._find(request.model).chat(request)

    async def embed(self, model: ModelRef, texts: Sequence[str]) -> tuple[list[list[float]], Usage]:
        return await self._find(model).embed(model, texts)

    async def rerank(
        self, model: ModelRef, query: str, texts: Sequence[str], *, top: int
    ) -> list[tuple[int, float]]:
        return await self._find(model).rerank(model, query, texts, top=top)

    async def draw(self, model: ModelRef, prompt: str, *, size: str | None) -> bytes:
        return await self._find(model).draw(model, prompt, size=size)

    def close(self) -> None:
        """End what runs in this process."""
        for entry in self._entries:
            entry.close()

    def _find(self, model: ModelRef) -> Entry:
        """The first entry that fits. Raises ModelNotConfigured or ModelRefused."""
        for entry in self._entries:
            if entry.settings.serves(model.provider, model.name):
                return entry
        if any(entry.settings.serves_provider(model.provider) for entry in self._entries):
            raise ModelRefused(
                f"Model {model.name} does not exist: what `models` in config.yaml says about "
                f"provider {model.provider} leaves it out."
            )
        raise ModelNotConfigured(
            f"Model provider {model.provider} is not configured; add an entry for it to `models` "
            "in config.yaml."
        )


def _entry(
    settings: ModelSettings,
    files: FileVault,
    http: HttpClient,
    told: Callable[[ModelCall], None],
) -> Entry:
    match settings.kind:
        case "openai":
            base_url = settings.base_url or openai.BASE_URL
            features = openai.FEATURES if base_url == openai.BASE_URL else openai.USUAL_FEATURES
            dialect: Dialect = openai.OpenAI()
        case "anthropic":
            base_url = settings.base_url or anthropic.BASE_URL
            features, dialect = anthropic.FEATURES, anthropic.Anthropic()
        case "google":
            base_url = settings.base_url or google.BASE_URL
            features, dialect = google.FEATURES, google.Google()
        case "demo":
            return Entry(settings, demo.DemoProvider(http, files), demo.FEATURES, told)
        case "e5":
            return Entry(settings, e5.E5Provider(), frozenset(), told)
    timeouts = settings.timeout_seconds
    api_key = "" if settings.api_key is None else settings.api_key.get_secret_value()
    endpoint = Endpoint(
        base_url.rstrip("/"),
        dialect.headers(api_key),
        secret=api_key,
        http=http,
        timeouts=Timeouts(timeouts.connect, timeouts.read, timeouts.write),
        total_seconds=timeouts.total,
        retries=settings.retries,
        verify_tls=settings.verify_tls,
    )
    provider = HttpProvider(dialect, endpoint, files, settings.file_urls)
    return Entry(settings, provider, features, told)
