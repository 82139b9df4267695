import pytest

from graphmill.nodes.base import Section, SelectorField
from graphmill.nodes.registry import NODE_TYPES


def test_node_types_are_found_by_their_own_name():
    assert {name: kind.name for name, kind in NODE_TYPES.items()} == {
        name: name for name in NODE_TYPES
    }


class Example(Section):
    text: str = "default"
    selector: SelectorField = ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"text": None}, Example()),
        ({"unknown": 1}, Example()),
        ({"text": 5}, Example(text="5")),
        ({"selector": ["sys.query"]}, Example(selector=("sys", "query"))),
        ({"selector": [1721, "x"]}, Example(selector=("1721", "x"))),
    ],
    ids=["null", "unknown key", "number", "old selector", "unquoted node id"],
)
def test_configurations_are_read_as_real_files_need_it(raw, expected):
    assert expected == Example.model_validate(raw)
