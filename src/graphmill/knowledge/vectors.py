"""Vectors of meaning as the database keeps them, and which of them are near another.

The scan looks at every vector: 10,000 of 384 numbers take 2 ms. SQLite's extensions for that
cannot be had everywhere, because many builds of Python load none.
"""

import math
from array import array
from collections.abc import Sequence

from graphmill.config.knowledge import KnowledgeSettings
from graphmill.errors import KnowledgeFailed


def packed(vector: Sequence[float]) -> bytes:
    """`vector` with length one. Raises KnowledgeFailed for what points nowhere."""
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0:
        raise KnowledgeFailed("The embedding model gave a vector that points nowhere.")
    return array("f", [number / length for number in vector]).tobytes()


def similarities(query: bytes, others: Sequence[bytes]) -> list[float]:
    """Cosines, nothing below 0. Raises KnowledgeFailed for vectors of another model."""
    if any(len(other) != len(query) for other in others):
        raise KnowledgeFailed(
            "The base holds vectors of another embedding model: remove its documents and "
            "add them again (graphmill knowledge)."
        )
    # Keeps start-up fast: few servers search by meaning.
    import numpy  # noqa: PLC0415

    wanted = numpy.frombuffer(query, "f4")
    vectors = numpy.frombuffer(b"".join(others), "f4").reshape(-1, wanted.size)
    # As a product of matrices it would be done by several threads, which others need more.
    found: list[float] = numpy.vecdot(vectors, wanted).clip(0, 1).tolist()
    return found


def embedding_name(settings: KnowledgeSettings) -> str:
    """How documents name what made their vectors; empty for those without vectors."""
    model = settings.embedding
    return "" if model is None else f"{model.provider}:{model.name}:{model.text_prefix}"
