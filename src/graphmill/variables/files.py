"""A file as a value (`workflow-dsl §14.7`): what is known of it, never its bytes."""

from dataclasses import dataclass
from typing import Literal

from graphmill.variables.values import Missing

IDENTITY = "__dify__file__"


@dataclass(frozen=True, slots=True)
class File:
    type: str
    """image, document, audio, video or custom."""
    transfer_method: str
    """local_file, remote_url or tool_file."""
    filename: str | None = None
    extension: str | None = None
    """With its dot, lower case."""
    mime_type: str | None = None
    size: int = -1
    """Bytes; -1 when unknown."""
    related_id: str | None = None
    """Id of the stored file; None for a remote one."""
    remote_url: str | None = None
    id: str | None = None
    dify_model_identity: Literal["__dify__file__"] = IDENTITY

    def attribute(self, name: str) -> str | int | Missing | None:
        raise NotImplementedError
