"""Documents of this server's knowledge bases."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, text

from graphmill import jsontext
from graphmill.jsontext import storable
from graphmill.ports.knowledge import Document, NewSegment, StoredSegment
from graphmill.storage.database import Database, Parameters
from graphmill.storage.knowledge_search import WITH_WORD
from graphmill.storage.tables import knowledge_documents as documents
from graphmill.storage.tables import knowledge_segments as segments
from graphmill.variables.values import Value

_DOCUMENTS = (
    select(documents).where(documents.c.base == bindparam("base")).order_by(documents.c.name)
)
_BASES = select(documents.c.base).distinct().order_by(documents.c.base)
_ADD_DOCUMENT = insert(documents).values(
    {column.name: bindparam(column.name) for column in documents.c}
)
_SEGMENT_COLUMNS: Final = ("id", "document_id", "base", "position", "vector", "content", "words")
_ADD_SEGMENT = insert(segments).values({name: bindparam(name) for name in _SEGMENT_COLUMNS})
_REMOVE = delete(documents).where(documents.c.id == bindparam("document_id"))
_REMOVE_SEGMENTS = delete(segments).where(segments.c.document_id == bindparam("document_id"))
_NAMED = select(documents.c.id).where(
    documents.c.base == bindparam("of_base"), documents.c.name == bindparam("of_name")
)
_REMOVE_NAMED = delete(documents).where(documents.c.id.in_(_NAMED))
_REMOVE_NAMED_SEGMENTS = delete(segments).where(segments.c.document_id.in_(_NAMED))
_VECTORS = select(segments.c.number, segments.c.document_id, segments.c.vector).where(
    segments.c.base == bindparam("base"), segments.c.vector.is_not(None)
)
_NUMBERS = select(segments.c.number, segments.c.document_id).where(
    segments.c.base == bindparam("base")
)
_SEGMENTS = text(
    "SELECT number, id, document_id, position, content FROM knowledge_segments"
    " WHERE number IN (SELECT value FROM json_each(:numbers))"
)


class SqlKnowledge:
    """`ports.knowledge.KnowledgeStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents(self, base: str) -> list[Document]:
        rows = await self._database.fetch_all(_DOCUMENTS, base=base)
        return [
            Document(
                document_id, of_base, name, fingerprint, embedding, created_at, _object(metadata)
            )
            for document_id, of_base, name, fingerprint, embedding, created_at, metadata in rows
        ]

    async def bases(self) -> list[str]:
        return [name for (name,) in await self._database.fetch_all(_BASES)]

    async def put(self, document: Document, pieces: Sequence[NewSegment]) -> None:
        # Every statement works for itself: those of one commit are ordered by their kinds.
        named = {"of_base": document.base, "of_name": document.name}
        replaced: list[tuple[Any, Parameters]] = [
            (_REMOVE_NAMED_SEGMENTS, named),
            (_REMOVE_NAMED, named),
        ]
        row = {column.name: getattr(document, column.name) for column in documents.c}
        row["metadata"] = jsontext.encode(dict(document.metadata)).decode()
        added = [(_ADD_SEGMENT, each) for each in _rows(document, pieces)]
        await self._database.write_all([*replaced, (_ADD_DOCUMENT, row), *added])

    async def remove(self, document_ids: Sequence[str]) -> None:
        await self._database.write_all(
            (statement, {"document_id": each})
            for statement in (_REMOVE_SEGMENTS, _REMOVE)
            for each in document_ids
        )

    async def vectors(self, base: str) -> list[tuple[int, str, bytes]]:
        rows = await self._database.fetch_all(_VECTORS, base=base)
        return [(number, document_id, vector) for number, document_id, vector in rows]

    async def numbers(self, base: str) -> dict[int, str]:
        # One index holds all of it: the rows themselves are long.
        rows = await self._database.fetch_all(_NUMBERS, base=base)
        return {row[0]: row[1] for row in rows}

    async def with_word(self, word: str) -> list[int]:
        # Joined with the segments, this would read every one of them.
        quoted = '"' + storable(word).replace('"', '""') + '"'
        return [number for (number,) in await self._database.fetch_all(WITH_WORD, word=quoted)]

    async def segments(self, numbers: Sequence[int]) -> list[StoredSegment]:
        listed = jsontext.encode(list(numbers)).decode()
        rows = await self._database.fetch_all(_SEGMENTS, numbers=listed)
        return [StoredSegment(*row) for row in rows]


def _object(metadata: str) -> dict[str, Value]:
    value: dict[str, Value] = jsontext.decode(metadata.encode())
    return value


def _rows(document: Document, pieces: Iterable[NewSegment]) -> Iterable[dict[str, object]]:
    for position, piece in enumerate(pieces, start=1):
        yield {
            "id": piece.id,
            "document_id": document.id,
            "base": document.base,
            "position": position,
            "vector": piece.vector,
            "content": piece.content,
            "words": piece.words,
        }
