"""What the messages of tools add up to: outputs, and text that is told at once (`nodes §11`)."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.ids import new_id
from graphmill.media_types import extension_of
from graphmill.ports.files import FileVault
from graphmill.ports.tools import (
    BlobMessage,
    FileMessage,
    JsonMessage,
    LinkMessage,
    TextMessage,
    ToolMessage,
    VariableMessage,
)
from graphmill.variables.files import File
from graphmill.variables.values import Value

TEXT: Final = "text"


class Gathered:
    """The messages of one execution so far."""

    __slots__ = ("_context", "_files", "_node_id", "_texts", "files", "json", "variables")

    def __init__(self, node_id: str, context: NodeContext, vault: FileVault) -> None:
        self._node_id = node_id
        self._context = context
        self._files = vault
        self._texts: list[str] = []
        self.files: list[Value] = []
        self.json: list[Value] = []
        self.variables: dict[str, Value] = {}

    @property
    def text(self) -> str:
        return "".join(self._texts)

    async def say(self, text: str) -> None:
        """Another piece of the text."""
        self._texts.append(text)
        await self._context.progress.text((self._node_id, TEXT), text)

    async def take(self, message: ToolMessage) -> None:
        """Raises StoreError when a file cannot be kept."""
        match message:
            case TextMessage(text):
                await self.say(text)
            case LinkMessage(url):
                await self.say(f"Link: {url}\n")
            case JsonMessage(value):
                if isinstance(value, dict | list) and value:
                    self.json.append(value)
            case VariableMessage(name, value):
                self.variables[name] = value
            case FileMessage() | BlobMessage():
                self.files.append(await self.kept(message))

    async def kept(self, message: FileMessage | BlobMessage) -> File:
        """The file of a message, kept for the run. Raises StoreError."""
        if isinstance(message, FileMessage):
            return message.file
        extension = extension_of(None, message.mime_type) or ".bin"
        return await self._files.save(
            message.content,
            filename=message.filename or new_id().replace("-", "") + extension,
            mime_type=message.mime_type,
            run=self._context.run,
        )

    async def end(self) -> dict[str, Value]:
        """Tell that nothing more will come; the outputs."""
        await self._context.progress.text((self._node_id, TEXT), "", is_final=True)
        for name in self.variables:
            await self._context.progress.text((self._node_id, name), "", is_final=True)
        return {
            TEXT: self.text,
            "files": self.files,
            "json": self.json or [{"data": []}],
            **self.variables,
        }
