"""Config `knowledge`: which entry serves which dataset of a workflow, and what they find
together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graphmill.config.knowledge import KnowledgeSettings
from graphmill.errors import DatasetNotFound
from graphmill.knowledge.source import Source
from graphmill.ports.knowledge import Dataset, Search, Segment
from graphmill.ports.models import Models
from graphmill.together import together


@dataclass(frozen=True, slots=True)
class MappedSource:
    settings: KnowledgeSettings
    source: Source


class ConfiguredKnowledge:
    """`ports.Knowledge`."""

    def __init__(self, sources: Sequence[MappedSource], models: Models) -> None:
        """The first whose pattern fits serves a dataset."""
        self._sources = sources
        self._models = models

    async def describe(self, dataset_ids: Sequence[str]) -> list[Dataset]:
        mapped = [(dataset_id, self._find(dataset_id)) for dataset_id in dataset_ids]
        return [
            Dataset(
                dataset_id,
                each.settings.name,
                each.settings.description,
                await each.source.fields(),
            )
            for dataset_id, each in mapped
        ]

    async def search(self, dataset_ids: Sequence[str], search: Search) -> list[Segment]:
        # Two ids may mean the same: its segments would be found twice.
        asked: dict[int, tuple[str, Source]] = {}
        for dataset_id in dataset_ids:
            source = self._find(dataset_id).source
            asked.setdefault(id(source), (dataset_id, source))
        found = await together(source.search(one, search) for one, source in asked.values())
        segments = [segment for each in found for segment in each]
        if search.rerank is not None and segments:
            segments = await self._reranked(segments, search)
        good = [each for each in segments if each.score >= search.score_threshold]
        return sorted(good, key=lambda each: -each.score)[: search.top_k]

    async def _reranked(self, segments: list[Segment], search: Search) -> list[Segment]:
        assert search.rerank is not None, "the caller has looked"
        texts = [segment.content for segment in segments]
        ranks = await self._models.rerank(search.rerank, search.query, texts, top=search.top_k)
        return [
            replace(segments[position], score=score)
            for position, score in ranks
            if 0 <= position < len(segments)
        ]

    def _find(self, dataset_id: str) -> MappedSource:
        for each in self._sources:
            if each.settings.serves(dataset_id):
                return each
        raise DatasetNotFound(
            f"Dataset {dataset_id!r} is not mapped; add an entry for it to `knowledge` in "
            "config.yaml."
        )
