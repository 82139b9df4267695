"""A base of this server: searched by meaning, by words, or by both (`nodes §5`)."""

import asyncio
import math
from collections.abc import Mapping, Set
from hashlib import sha256
from heapq import nlargest
from operator import itemgetter
from typing import Final

from graphmill.config.knowledge import EmbeddingSettings, KnowledgeSettings
from graphmill.errors import KnowledgeFailed
from graphmill.knowledge.filters import passes
from graphmill.knowledge.vectors import embedding_name, packed, similarities
from graphmill.knowledge.words import words_of
from graphmill.ports.knowledge import (
    Document,
    KnowledgeStore,
    Place,
    Search,
    Segment,
    StoredSegment,
    Weights,
)
from graphmill.ports.models import ModelRef, Models
from graphmill.variables.values import Value

MOST_WORDS: Final = 64
"""Of a query. The rest of a long one is for its meaning alone."""
_ONLY_WORDS: Final = Weights(0, 1)


class LocalSource:
    """`source.Source`."""

    def __init__(self, settings: KnowledgeSettings, store: KnowledgeStore, models: Models) -> None:
        self._name = settings.name
        self._embedding = settings.embedding
        self._embedding_name = embedding_name(settings)
        self._store = store
        self._models = models

    async def fields(self) -> tuple[str, ...]:
        names = {name for each in await self._store.documents(self._name) for name in each.metadata}
        return tuple(sorted(names))

    async def search(self, dataset_id: str, search: Search) -> list[Segment]:
        documents = {
            each.id: each
            for each in await self._store.documents(self._name)
            if passes(_metadata(each), search.filter)
        }
        if not documents or not search.query.strip():
            return []
        scores = await self._scores(search, documents)
        best = dict(nlargest(search.top_k, scores.items(), key=itemgetter(1)))
        return [
            _segment(dataset_id, documents[stored.document_id], stored, best[stored.number])
            for stored in await self._store.segments(list(best))
        ]

    async def _scores(self, search: Search, documents: Mapping[str, Document]) -> dict[int, float]:
        """By number of the segment, of all that may be among the best."""
        weights, meaning = _ONLY_WORDS, dict[int, float]()
        if self._embedding is not None:
            weights = search.weights
            if weights.vector:
                meaning = await self._by_meaning(self._embedding, search.query, documents)
        words = await self._by_words(search.query, documents.keys()) if weights.keyword else {}
        whole = weights.vector + weights.keyword
        # Without a word of the query, only those that are nearest in meaning can be among the best.
        likely = words.keys() | set(nlargest(search.top_k, meaning, key=meaning.__getitem__))
        return {
            number: (
                weights.vector * meaning.get(number, 0.0) + weights.keyword * words.get(number, 0.0)
            )
            / whole
            for number in likely
        }

    async def _by_meaning(
        self, model: EmbeddingSettings, query: str, documents: Mapping[str, Document]
    ) -> dict[int, float]:
        """Cosine similarities. Raises KnowledgeFailed, ModelError and StoreError."""
        for each in documents.values():
            if each.embedding != self._embedding_name:
                raise KnowledgeFailed(
                    f"{each.name!r} in the knowledge base {self._name!r} has no vectors of the "
                    f"model {model.name!r}; run graphmill knowledge add {self._name} with it again."
                )
        ref = ModelRef(model.provider, model.name)
        asked = self._models.embed(ref, [model.query_prefix + query])
        stored, (vectors, _) = await asyncio.gather(self._store.vectors(self._name), asked)
        stored = [row for row in stored if row[1] in documents]
        found = await asyncio.to_thread(
            similarities, packed(vectors[0]), [vector for _, _, vector in stored]
        )
        return {number: score for (number, _, _), score in zip(stored, found, strict=True) if score}

    async def _by_words(self, query: str, document_ids: Set[str]) -> dict[int, float]:
        """Share of the query's words that a segment has; the rarer a word in the base, the more
        it counts."""
        numbers = await self._store.numbers(self._name)
        scores: dict[int, float] = {}
        whole = 0.0
        for word in list(dict.fromkeys(words_of(query)))[:MOST_WORDS]:
            holders = [each for each in await self._store.with_word(word) if each in numbers]
            rarity = math.log1p(len(numbers) / (len(holders) + 1))
            whole += rarity
            for number in holders:
                if numbers[number] in document_ids:
                    scores[number] = scores.get(number, 0.0) + rarity
        return {number: score / whole for number, score in scores.items()}


def _metadata(document: Document) -> dict[str, Value]:
    """What filters know, with what Dify knows of every document."""
    return {
        "document_name": document.name,
        "upload_date": document.created_at,
        "source": "file_upload",
        **document.metadata,
    }


def _segment(dataset_id: str, document: Document, stored: StoredSegment, score: float) -> Segment:
    content = stored.content
    digest = sha256(content.encode()).hexdigest()
    return Segment(
        dataset_id,
        document.base,
        document.id,
        document.name,
        content,
        score,
        document.metadata,
        Place(stored.id, stored.position, len(content), digest),
    )
