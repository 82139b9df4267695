"""Providers over HTTP: a dialect, and the endpoint that speaks it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from graphmill.models.attachments import attachments_of
from graphmill.models.endpoint import Endpoint
from graphmill.models.provider import Dialect, Embeddings, Ending, Provider, Scores
from graphmill.ports.files import FileVault
from graphmill.ports.models import ChatRequest


@dataclass(frozen=True, slots=True)
class HttpProvider(Provider):
    dialect: Dialect
    endpoint: Endpoint
    files: FileVault
    file_urls: bool = False
    """Send the address of a remote file in place of its bytes."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[str | Ending, None]:
        files = await attachments_of(request, self.files, as_urls=self.file_urls)
        call = self.dialect.chat(request, files)
        async with aclosing(self.endpoint.stream(call, self.dialect.reply)) as pieces:
            async for piece in pieces:
                yield piece

    async def embed(self, name: str, texts: Sequence[str]) -> Embeddings:
        return await self.endpoint.fetch(self.dialect.embed(name, texts))

    async def rerank(self, name: str, query: str, texts: Sequence[str], *, top: int) -> Scores:
        return await self.endpoint.fetch(self.dialect.rerank(name, query, texts, top=top))

    async def draw(self, name: str, prompt: str, *, size: str | None) -> bytes:
        return await self.endpoint.fetch(self.dialect.draw(name, prompt, size=size))

    def close(self) -> None:
        """There is nothing to close: connections belong to the client."""
