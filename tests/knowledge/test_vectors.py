"""Vectors as a base keeps them, and how they are compared."""

import random
import time

import pytest

from graphmill.errors import KnowledgeFailed
from graphmill.knowledge.vectors import packed, similarities

EAST, NORTH, WEST = (packed(vector) for vector in ([2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]))


def test_a_similarity_is_the_cosine_and_nothing_below_nought() -> None:
    northeast = packed([1.0, 1.0])
    assert [1.0, 0.0, 0.0] == similarities(EAST, [EAST, NORTH, WEST])
    assert [pytest.approx(0.5**0.5)] == similarities(EAST, [northeast])


def test_an_empty_base_has_nothing_near() -> None:
    assert [] == similarities(EAST, [])


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(KnowledgeFailed, match="another embedding model"):
        similarities(EAST, [NORTH, packed([1.0, 0.0, 0.0])])


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param([], id="none"),
        pytest.param([0.0, 0.0], id="noughts"),
        pytest.param([float("nan")], id="no numbers"),
        pytest.param([float("inf")], id="infinite"),
    ],
)
def test_a_vector_that_points_nowhere_is_refused(vector: list[float]) -> None:
    with pytest.raises(KnowledgeFailed, match="points nowhere"):
        packed(vector)


def test_ten_thousand_vectors_are_compared_in_a_blink() -> None:
    """Measured as work, not as time: other programs may be busy."""
    numbers = random.Random(1)
    many = [packed([numbers.random() for _ in range(384)]) for _ in range(100)] * 100

    def seconds() -> float:
        begun = time.process_time()
        similarities(many[0], many)
        return time.process_time() - begun

    assert min(seconds() for _ in range(5)) < 0.05
