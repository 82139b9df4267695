"""Text of documents."""

from typing import Protocol

from graphmill.variables.files import File


class DocumentReader(Protocol):
    """Reads what strangers sent, apart from everything else. Cancelling the caller ends it."""

    async def text_of(self, file: File) -> str:
        """The text of `file`, whatever its type (`nodes §17`). Raises DocumentUnreadable."""
        ...
