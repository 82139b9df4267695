"""Knowledge: pieces of texts that fit a question, wherever the texts lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from graphmill.errors import DatasetNotFound
from graphmill.ports.models import ModelRef
from graphmill.variables.values import Value


@dataclass(frozen=True, slots=True)
class MetadataCondition:
    name: str
    operator: str
    """A word of `nodes §5`."""
    value: Value = None


@dataclass(frozen=True, slots=True)
class MetadataFilter:
    """Which documents are searched."""

    conditions: tuple[MetadataCondition, ...]
    match_all: bool = True


@dataclass(frozen=True, slots=True)
class Weights:
    """What makes up the score of a segment."""

    vector: float = 0.7
    """Share of what it means."""
    keyword: float = 0.3
    """Share of the words in it."""


@dataclass(frozen=True, slots=True)
class Search:
    query: str
    top_k: int = 4
    score_threshold: float = 0.0
    weights: Weights = field(default_factory=Weights)
    rerank: ModelRef | None = None
    """The model that scores what all datasets have found."""
    filter: MetadataFilter | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment stands in a document that this server keeps."""

    segment_id: str
    position: int
    """From 1."""
    characters: int
    sha256: str
    """Of its text, in hex."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a document that fits a query."""

    dataset_id: str
    dataset_name: str
    document_id: str
    document_name: str
    content: str
    score: float
    """The higher, the better; between 0 and 1 as far as that is up to this server."""
    doc_metadata: Mapping[str, Value]
    place: Place | None = None
    """None for segments of others."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a model is told that has to choose among datasets, or among their documents."""

    id: str
    name: str
    description: str
    fields: tuple[str, ...]
    """Names of metadata that its documents have, as far as they are known."""


class Knowledge(Protocol):
    """All datasets of this server: those that config `knowledge` maps.

    Every method raises KnowledgeError, ModelError and StoreError."""

    async def search(self, dataset_ids: Sequence[str], search: Search) -> list[Segment]:
        """The best segments of all these datasets together, best first."""
        ...

    async def describe(self, dataset_ids: Sequence[str]) -> list[Dataset]: ...


class NoKnowledge:
    """A server without datasets."""

    async def search(self, dataset_ids: Sequence[str], search: Search) -> list[Segment]:
        raise DatasetNotFound(f"There are no datasets here, so {', '.join(dataset_ids)} neither")

    async def describe(self, dataset_ids: Sequence[str]) -> list[Dataset]:
        raise DatasetNotFound(f"There are no datasets here, so {', '.join(dataset_ids)} neither")


@dataclass(frozen=True, slots=True)
class Document:
    """A text in a base of this server."""

    id: str
    base: str
    name: str
    """Unique in its base."""
    fingerprint: str
    """Changes with everything that its segments follow from."""
    embedding: str
    """The model that made its vectors; empty when it has none."""
    created_at: float
    metadata: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class NewSegment:
    id: str
    content: str
    words: str
    """What a search for words finds, with blanks between."""
    vector: bytes | None
    """Of length one, as 32-bit floats."""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    number: int
    id: str
    document_id: str
    position: int
    content: str


class KnowledgeStore(Protocol):
    """The texts that this server keeps, by the base they belong to. All methods raise
    StoreError."""

    async def documents(self, base: str) -> list[Document]:
        """Without their texts, by name."""
        ...

    async def bases(self) -> list[str]: ...

    async def put(self, document: Document, segments: Sequence[NewSegment]) -> None:
        """In place of the document of that name, if there is one: all at once or not at all."""
        ...

    async def remove(self, document_ids: Sequence[str]) -> None: ...

    async def vectors(self, base: str) -> list[tuple[int, str, bytes]]:
        """(number of the segment, id of its document, vector)"""
        ...

    async def numbers(self, base: str) -> dict[int, str]:
        """Number of each segment → id of its document."""
        ...

    async def with_word(self, word: str) -> list[int]:
        """Numbers of segments of all bases."""
        ...

    async def segments(self, numbers: Sequence[int]) -> list[StoredSegment]: ...
