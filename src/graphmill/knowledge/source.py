"""What a dataset is searched in."""

from typing import Protocol

from graphmill.ports.knowledge import Search, Segment


class Source(Protocol):
    """All methods raise KnowledgeError, ModelError and StoreError."""

    async def search(self, dataset_id: str, search: Search) -> list[Segment]:
        """At most `search.top_k`, in any order, named as belonging to the dataset."""
        ...

    async def fields(self) -> tuple[str, ...]:
        """Names of metadata, as far as they are known."""
        ...
