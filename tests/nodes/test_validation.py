from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, Field

from graphmill.dsl.model import Place
from graphmill.errors import WorkflowInvalid
from graphmill.nodes.base import NodeData, Section
from graphmill.nodes.validation import read_data
from tests.dsl.files import START, load, node


def even(number: int) -> int:
    if number % 2:
        raise ValueError("expected an even number")
    return number


class Item(Section):
    name: str
    mode: Literal["fast", "slow"] = "fast"
    value: str | list[str] | bool | None = None


class Example(NodeData):
    title: str
    count: int = 0
    pairs: Annotated[int, AfterValidator(even)] = 0
    size: Annotated[int, Field(ge=1)] = 1
    ratio: float = 0.0
    enabled: bool = False
    item: Item | None = None
    items: tuple[Item, ...] = ()
    texts: list[str] = Field(default_factory=list)
    table: dict[str, int] = Field(default_factory=dict)


def complaints(**data):
    """Message, field and place of each problem of a node with this data."""
    definition = load([START, node("n", "example", **{"title": "T", **data})]).node("n")
    with pytest.raises(WorkflowInvalid) as caught:
        read_data(definition, Example)
    return [(each.message, each.field) for each in caught.value.problems]


def test_sound_data_is_read():
    definition = load([START, node("n", "example", title="T", count="3")]).node("n")
    assert Example(title="T", count=3) == read_data(definition, Example)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"title": None}, [("title is missing", "title")]),
        ({"title": ["x"]}, [("title must be text, not a list", "title")]),
        ({"title": True}, [("title must be text, not true", "title")]),
        ({"count": "many"}, [("count must be a whole number, not 'many'", "count")]),
        ({"count": 1.5}, [("count must be a whole number, not 1.5", "count")]),
        ({"pairs": 3}, [("pairs is wrong: expected an even number", "pairs")]),
        ({"size": 0}, [("size is wrong: Input should be greater than or equal to 1", "size")]),
        ({"ratio": {}}, [("ratio must be a number, not a mapping", "ratio")]),
        ({"enabled": "perhaps"}, [("enabled must be true or false, not 'perhaps'", "enabled")]),
        ({"item": 5}, [("item must be a mapping, not 5", "item")]),
        ({"items": {}}, [("items must be a list, not a mapping", "items")]),
        ({"items": [{}]}, [("items[0].name is missing", "items[0].name")]),
        (
            {"items": [{"name": "a", "mode": "medium"}]},
            [("items[0].mode must be 'fast' or 'slow', not 'medium'", "items[0].mode")],
        ),
        (
            {"item": {"name": "a", "value": {}}},
            [("item.value must be text or a list or true or false, not a mapping", "item.value")],
        ),
        (
            {"item": {"name": "a", "value": ["b", False]}},
            [("item.value[1] must be text, not false", "item.value[1]")],
        ),
        ({"texts": ["a", None]}, [("texts[1] must be text, not empty", "texts[1]")]),
        ({"table": {"a": "x"}}, [("table.a must be a whole number, not 'x'", "table.a")]),
        (
            {"count": "x", "texts": 5},
            [
                ("count must be a whole number, not 'x'", "count"),
                ("texts must be a list, not 5", "texts"),
            ],
        ),
    ],
)
def test_each_wrong_field_is_one_problem_in_plain_words(data, expected):
    assert expected == complaints(**data)


def test_a_long_value_is_cut():
    ((message, _),) = complaints(count="x" * 5000)
    assert len(message) < 300


def test_a_problem_stands_where_its_field_does():
    items = [{"name": "a"}, {"name": [1], "mode": "fast"}, {"mode": "fast"}]
    definition = load([START, node("n", "example", title="T", items=items)]).node("n")
    with pytest.raises(WorkflowInvalid) as caught:
        read_data(definition, Example)
    wrong, missing = caught.value.problems
    assert definition.place_of(("items", 1, "name")) == wrong.place
    assert definition.place_of(("items", 2)) == missing.place
    assert ("n", "T") == (wrong.node_id, wrong.node_title)
    assert isinstance(wrong.place, Place)
