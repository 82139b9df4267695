"""`models`: who runs the models that workflow files name."""

from collections.abc import Iterator
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from graphmill.config.section import OptionalSecret, OptionalUrl, Section

ModelFeature: TypeAlias = Literal[
    "vision", "audio", "video", "document", "tool-call", "structured-output"
]
"""Words of `ports.models.Feature`."""


class Price(Section):
    input: Decimal
    output: Decimal = Decimal(0)
    unit: Decimal = Decimal("0.000001")
    """Share of a token's price: 0.000001 when prices are for a million tokens."""
    currency: str = "USD"


class ModelTimeouts(Section):
    connect: PositiveFloat = 10
    read: PositiveFloat = 300
    """Silence, as while a model thinks before it answers."""
    write: PositiveFloat = 60
    total: PositiveFloat = 900


class ModelSettings(Section):
    provider: str
    """Glob over the DSL's provider ids."""
    names: tuple[str, ...] = ("*",)
    """Globs over the DSL's model names; the entry serves no others."""
    kind: Literal["openai", "anthropic", "google", "demo", "e5"]
    base_url: OptionalUrl = None
    api_key: OptionalSecret = None
    proxy: OptionalUrl = None
    verify_tls: bool = True
    rename: dict[str, str] = {}
    prices: dict[str, Price] = {}
    features: tuple[ModelFeature, ...] | None = None
    """None: what models of this kind can mostly do."""
    context_size: PositiveInt | None = None
    """Tokens."""
    file_urls: bool = False
    """Send the address of a remote file in place of its bytes."""
    timeout_seconds: ModelTimeouts = ModelTimeouts()
    retries: NonNegativeInt = 2
    concurrency: PositiveInt | None = None
    """Calls of one model at a time; the others wait."""
    queue: NonNegativeInt = 1000
    queue_seconds: PositiveFloat = 300

    def serves_provider(self, provider: str) -> bool:
        """Does `provider` fit, however the DSL spells it?"""
        return any(fnmatchcase(name, self.provider) for name in _spellings(provider))

    def serves(self, provider: str, name: str) -> bool:
        """Does it serve the model `name` of `provider`?"""
        return self.serves_provider(provider) and any(
            fnmatchcase(name, pattern) for pattern in self.names
        )


def _spellings(provider: str) -> Iterator[str]:
    """`openai` is short for `langgenius/openai/openai`; files of all ages are around."""
    yield provider
    match provider.split("/"):
        case [name]:
            yield f"langgenius/{name}/{name}"
        case ["langgenius", plugin, name] if plugin == name:
            yield name
        case _:
            pass


class NamedModel(Section):
    """A model of config `models`, as workflow files would name it."""

    provider: str
    name: str
