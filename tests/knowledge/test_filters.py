"""Which documents a filter lets through."""

import pytest

from graphmill.knowledge.filters import passes
from graphmill.nodes.knowledge_retrieval.data import OPERATORS
from graphmill.ports.knowledge import MetadataCondition, MetadataFilter
from graphmill.variables.values import Value

METADATA: dict[str, Value] = {"topic": "Annual leave", "year": "2024", "pages": 12, "draft": ""}
TRUE = [
    ("topic", "contains", "LEAVE"),
    ("topic", "not contains", "pay"),
    ("topic", "start with", "Annual"),
    ("topic", "end with", "leave"),
    ("topic", "is", "Annual leave"),
    ("topic", "is not", "annual leave"),
    ("topic", "in", "Salary, Annual leave"),
    ("topic", "in", ["Annual leave"]),
    ("topic", "not in", ["Salary"]),
    ("draft", "empty", None),
    ("author", "empty", None),
    ("topic", "not empty", None),
    ("year", "=", "2024.0"),
    ("pages", "≠", "13"),
    ("pages", ">", "2"),
    ("pages", "<", "100"),
    ("pages", "≥", "12"),
    ("pages", "≤", 12),
    ("year", "before", "2025"),
    ("year", "after", "1999"),
    ("author", "is not", "Ada"),
    ("author", "not in", "Ada"),
    ("author", "not contains", "Ada"),
    ("author", "≠", "3"),
]
FALSE = [
    ("topic", "contains", "pay"),
    ("topic", "is", "leave"),
    ("author", "is", "Ada"),
    ("author", "not empty", None),
    ("draft", "not empty", None),
    ("topic", "empty", None),
    ("topic", ">", "2"),
    ("pages", ">", "many"),
    ("pages", "<", 12),
    ("author", "<", "3"),
    ("author", "contains", ""),
]


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [(*case, True) for case in TRUE] + [(*case, False) for case in FALSE],
)
def test_an_operator(name: str, operator: str, value: Value, expected: bool) -> None:
    wanted = MetadataFilter((MetadataCondition(name, operator, value),))
    assert expected == passes(METADATA, wanted)


def test_every_operator_is_known() -> None:
    assert set(OPERATORS) == {operator for _, operator, _ in TRUE}


@pytest.mark.parametrize(
    ("match_all", "expected"),
    [pytest.param(True, False, id="and"), pytest.param(False, True, id="or")],
)
def test_conditions_are_joined(match_all: bool, expected: bool) -> None:
    conditions = (
        MetadataCondition("year", "is", "2024"),
        MetadataCondition("year", "is", "2025"),
    )
    assert expected == passes(METADATA, MetadataFilter(conditions, match_all))


def test_without_a_filter_everything_passes() -> None:
    assert passes({}, None)
    assert passes({}, MetadataFilter((), match_all=False))
