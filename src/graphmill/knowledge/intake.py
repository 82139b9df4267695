"""Takes documents into a base: text, segments, vectors, words."""

import asyncio
import time
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Final

from graphmill import jsontext
from graphmill.config.knowledge import KnowledgeSettings
from graphmill.errors import DocumentUnreadable, KnowledgeFailed
from graphmill.ids import new_id
from graphmill.jsontext import storable
from graphmill.knowledge.segments import cut
from graphmill.knowledge.vectors import embedding_name, packed
from graphmill.knowledge.words import words_of
from graphmill.ports.documents import DocumentReader
from graphmill.ports.knowledge import Document, KnowledgeStore, NewSegment
from graphmill.ports.models import ModelRef, Models
from graphmill.variables.files import File
from graphmill.variables.values import Value

AT_A_TIME: Final = 64
"""Segments in one call of the embedding model."""


class Taken(StrEnum):
    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


class Intake:
    """Of one base. Adding what is there already changes nothing."""

    def __init__(
        self,
        settings: KnowledgeSettings,
        store: KnowledgeStore,
        models: Models,
        documents: DocumentReader,
    ) -> None:
        self._settings = settings
        self._store = store
        self._models = models
        self._documents = documents

    async def add(
        self, name: str, file: File, content: bytes, metadata: Mapping[str, Value]
    ) -> Taken:
        """Take the file in under `name`, in place of what has that name.

        Raises KnowledgeFailed, ModelError and StoreError, and then nothing is changed."""
        base = self._settings.name
        fingerprint = self._fingerprint(content, metadata)
        there = {each.name: each.fingerprint for each in await self._store.documents(base)}
        if there.get(name) == fingerprint:
            return Taken.UNCHANGED
        document = Document(
            new_id(),
            base,
            name,
            fingerprint,
            embedding_name(self._settings),
            time.time(),
            metadata,
        )
        await self._store.put(document, await self._segments(name, file))
        return Taken.REPLACED if name in there else Taken.ADDED

    async def _segments(self, name: str, file: File) -> list[NewSegment]:
        try:
            text = storable(await self._documents.text_of(file))
        except DocumentUnreadable as error:
            raise KnowledgeFailed(f"{name} cannot be read: {error}") from error
        sizes = self._settings.segments
        texts = await asyncio.to_thread(cut, text, tokens=sizes.tokens, overlap=sizes.overlap)
        if not texts:
            raise KnowledgeFailed(f"{name} has no text that could be searched.")
        vectors = await self._vectors(texts)
        return [
            NewSegment(new_id(), each, " ".join(words_of(each)), vector)
            for each, vector in zip(texts, vectors, strict=True)
        ]

    async def _vectors(self, texts: list[str]) -> list[bytes] | list[None]:
        model = self._settings.embedding
        if model is None:
            return [None] * len(texts)
        ref = ModelRef(model.provider, model.name)
        vectors: list[bytes] = []
        for start in range(0, len(texts), AT_A_TIME):
            batch = [model.text_prefix + text for text in texts[start : start + AT_A_TIME]]
            found, _ = await self._models.embed(ref, batch)
            vectors += map(packed, found)
        return vectors

    def _fingerprint(self, content: bytes, metadata: Mapping[str, Value]) -> str:
        settings = self._settings
        sizes = f"{settings.segments.tokens} {settings.segments.overlap}"
        parts = (embedding_name(settings), sizes, jsontext.encode(dict(metadata)).decode())
        return sha256("\n".join(parts).encode() + b"\n" + content).hexdigest()
