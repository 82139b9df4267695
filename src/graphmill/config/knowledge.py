"""`knowledge`: where datasets that workflow files name are searched."""

from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, model_validator

from graphmill.config.models import NamedModel
from graphmill.config.section import OptionalSecret, OptionalText, OptionalUrl, Section


class EmbeddingSettings(NamedModel):
    """What turns the texts of a base into vectors."""

    query_prefix: str = ""
    """Written in front of what is looked for; models of the E5 family want that."""
    text_prefix: str = ""


class SegmentSettings(Section):
    """Pieces that the texts of a base are cut into, in tokens (about four letters)."""

    tokens: int = Field(400, ge=20, le=4000)
    overlap: NonNegativeInt = 40
    """Of the end of a piece that the next one repeats."""

    @model_validator(mode="after")
    def _overlap_is_smaller(self) -> Self:
        if self.overlap > self.tokens // 2:
            raise ValueError("overlap must not be more than half of tokens")
        return self


class KnowledgeSettings(Section):
    """A dataset that workflow files name by its id, and where it is searched."""

    dataset: str = Field(min_length=1)
    """Glob over the ids."""
    kind: Literal["local", "external"]
    name: str = Field(min_length=1)
    """Of the base, for `local`. What clients are told of the dataset."""
    description: str = ""
    """For models that choose among datasets."""
    endpoint: OptionalUrl = None
    """Of a service that speaks Dify's external knowledge API, without `/retrieval`."""
    api_key: OptionalSecret = None
    knowledge_id: OptionalText = None
    """How the service knows the dataset; its id in the workflow file when none is given."""
    timeout_seconds: PositiveFloat = 30
    embedding: EmbeddingSettings | None = None
    """None: a base is searched by its words alone."""
    segments: SegmentSettings = SegmentSettings()

    @model_validator(mode="after")
    def _external_needs_an_endpoint(self) -> Self:
        if self.kind == "external" and self.endpoint is None:
            raise ValueError("kind external needs endpoint")
        return self

    def serves(self, dataset_id: str) -> bool:
        return fnmatchcase(dataset_id, self.dataset)
