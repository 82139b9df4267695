"""`tools`: who does the work of tools that workflow files name."""

from typing import Final, Literal, Self

from pydantic import SecretStr, model_validator

from graphmill.config.models import NamedModel
from graphmill.config.section import FilePath, OptionalText, OptionalUrl, Section

_NEEDED: Final = {"openapi": "document", "mcp": "url", "workflow": "app", "images": "model"}
"""By the kind of tools."""


class ToolSettings(Section):
    """Tools that workflow files name by their provider, and who does their work here."""

    provider: str
    """Glob over the DSL's provider ids and names."""
    kind: Literal["openapi", "mcp", "workflow", "images"]
    document: FilePath | None = None
    """The OpenAPI document."""
    url: OptionalUrl = None
    """Of an MCP server; of an API, in place of what its document says."""
    headers: dict[str, SecretStr] = {}
    """Sent with every request."""
    app: OptionalText = None
    """Slug of the app that is the tool."""
    model: NamedModel | None = None
    """Who draws."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        needed = _NEEDED[self.kind]
        if getattr(self, needed) is None:
            raise ValueError(f"kind {self.kind} needs {needed}")
        return self
