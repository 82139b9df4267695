"""A provider of embeddings that knows a few meanings, services that find what a test wants, and
the knowledge that a configuration makes of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphmill.config import Settings
from graphmill.knowledge.configured import ConfiguredKnowledge
from graphmill.knowledge.intake import Intake, Taken
from graphmill.knowledge.words import words_of
from graphmill.models.configured import ConfiguredModels
from graphmill.ports.knowledge import Search
from graphmill.storage.database import open_database
from graphmill.storage.knowledge import SqlKnowledge
from graphmill.variables.files import File
from graphmill.wiring.knowledge import open_knowledge
from tests.models.stand_ins import models_of
from tests.outbound.local_server import LocalServer, Received, local_server, reply

MEANINGS = (
    ("leave", "holiday", "holidays", "vacation", "urlaub"),
    ("food", "cafeteria", "lunch", "fish", "kantine"),
    ("money", "salary", "pay", "gehalt"),
)
EMBEDDING = {"provider": "openai", "name": "text-embedding-3-small"}
RERANKER = {"provider": "openai", "model": "reranker"}

HANDBOOK = {
    "leave.md": "Every employee has 28 days of leave a year. Ask your manager two weeks ahead.",
    "lunch.md": "The cafeteria opens at noon. There is fish on Fridays.",
    "pay.md": "The salary arrives on the 25th of each month.",
}


def vector_of(text: str) -> list[float]:
    """One number a meaning, and a little of everything."""
    words = set(words_of(text))
    return [1.0 * len(words.intersection(meaning)) for meaning in MEANINGS] + [0.2]


def answered(received: Received) -> object:
    """As OpenAI's protocol has it; the reranker likes short texts."""
    body = json.loads(received.body)
    if received.target == "/v1/rerank":
        texts = body["documents"]
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))[: body["top_n"]]
        scores = [{"index": at, "relevance_score": 1 / len(texts[at])} for at in order]
        return {"results": scores}
    vectors = [{"index": at, "embedding": vector_of(text)} for at, text in enumerate(body["input"])]
    return {"data": vectors, "usage": {"prompt_tokens": 1}}


async def provide(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    body = json.dumps(answered(received)).encode()
    await reply(200, body, [("Content-Type", "application/json")])(received, reader, writer)


class Texts:
    """`ports.DocumentReader`: files that are read already, by their URL."""

    async def text_of(self, file: File) -> str:
        return file.url or ""


@dataclass
class World:
    """A database, models, and the knowledge in front of both."""

    settings: Settings
    knowledge: ConfiguredKnowledge
    store: SqlKnowledge
    models: ConfiguredModels
    provider: LocalServer

    async def add(self, name: str, text: str, base: str = "handbook", **metadata: Any) -> Taken:
        entry = next(each for each in self.settings.knowledge if each.name == base)
        file = File("document", "local_file", name, ".txt", "text/plain", url=text)
        intake = Intake(entry, self.store, self.models, Texts())
        return await intake.add(name, file, text.encode(), metadata)

    async def found(self, query: str, *dataset_ids: str, **search: Any) -> list[str]:
        """Names of the documents, best first."""
        found = await self.knowledge.search(dataset_ids or ("any",), Search(query, **search))
        return [segment.document_name for segment in found]

    @property
    def calls(self) -> list[Any]:
        """Bodies that the provider was sent."""
        return [json.loads(received.body) for received in self.provider.received]


def base(name: str = "handbook", dataset: str = "*", **entry: Any) -> dict[str, Any]:
    return {"dataset": dataset, "kind": "local", "name": name, **entry}


@asynccontextmanager
async def opened(folder: Path, *entries: Mapping[str, Any]) -> AsyncIterator[World]:
    """Config `knowledge` with these entries; one base for all when there are none."""
    settings = Settings.model_validate({"knowledge": list(entries) or [base()]})
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(local_server(provide))
        provider = {"provider": "openai", "kind": "openai", "base_url": f"{server.url}/v1"}
        models = await stack.enter_async_context(models_of([provider]))
        database = await stack.enter_async_context(open_database(None, folder))
        store = SqlKnowledge(database)
        knowledge = await stack.enter_async_context(open_knowledge(settings, store, models))
        yield World(settings, knowledge, store, models, server)


@asynccontextmanager
async def handbook(folder: Path, *entries: Mapping[str, Any]) -> AsyncIterator[World]:
    """The same, with the texts above in the base of that name."""
    async with opened(folder, *entries) as world:
        for name, text in HANDBOOK.items():
            await world.add(name, text, topic=name.removesuffix(".md"), pages=len(text))
        yield world


def records(*found: Mapping[str, Any]) -> bytes:
    """What an external service answers."""
    return json.dumps({"records": list(found)}).encode()


def external(url: str, dataset: str = "*", **entry: Any) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "kind": "external",
        "name": "wiki",
        "endpoint": url,
        "api_key": "kb-secret-key",
        **entry,
    }
