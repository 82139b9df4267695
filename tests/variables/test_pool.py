import pytest

from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.values import MISSING

PICTURE = File("image", "remote_url", filename="x.png", size=10, remote_url="http://h/x.png")


@pytest.fixture
def pool():
    return Pool(
        {
            "start": {"s": "S", "n": None, "f": PICTURE, "o": {"k": {"j": 1}, "l": [5], "n": None}},
            "env": {"KEY": "secret"},
        },
        secrets=frozenset({"KEY"}),
    )


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ((), MISSING),
        (("start",), MISSING),
        (("start", "s"), "S"),
        (("start", "zz"), MISSING),
        (("nope", "s"), MISSING),
        (("start", "n"), None),
        (("start", "o", "k"), {"j": 1}),
        (("start", "o", "k", "j"), 1),
        (("start", "o", "n"), None),
        (("start", "o", "z"), MISSING),
        (("start", "o", "n", "x"), MISSING),
        (("start", "o", "l", "0"), MISSING),
        (("start", "s", "0"), MISSING),
        (("start", "n", "x"), MISSING),
        (("start", "f", "name"), "x.png"),
        (("start", "f", "size", "ignored"), 10),
        (("start", "f", "foo"), MISSING),
    ],
    ids=str,
)
def test_selectors_walk_mappings_and_files_but_not_lists(pool, selector, expected):
    assert expected == pool.find(selector)


def test_outputs_of_a_node_join_those_it_had(pool):
    pool.set_all("start", {"s": "T", "new": 1})
    pool.set("node", "out", 2)
    pool.set("node", "out", 3)
    pool.set_all("other", {"a": 1})

    assert pool.find(("start", "s")) == "T"
    assert pool.find(("start", "n")) is None
    assert pool.find(("node", "out")) == 3
    assert pool.namespace("other") == {"a": 1}
    assert pool.namespace("nobody") == {}


def test_only_declared_environment_variables_are_secret(pool):
    assert pool.is_secret(("env", "KEY"))
    assert not pool.is_secret(("env", "OTHER"))
    assert not pool.is_secret(("start", "KEY"))


def test_what_is_set_in_a_child_stays_there(pool):
    child = pool.child()
    child.set("start", "s", "changed")
    child.set("fresh", "x", 1)

    assert child.find(("start", "s")) == "changed"
    assert child.find(("env", "KEY")) == "secret"
    assert child.is_secret(("env", "KEY"))
    assert pool.find(("start", "s")) == "S"
    assert pool.find(("fresh", "x")) is MISSING


def test_declared_types_outlive_the_value():
    pool = Pool({"conversation": {"log": []}}, types={("conversation", "log"): "array[string]"})

    assert pool.type_at(("conversation", "log"), []) == "array[string]"
    assert pool.child().type_at(("conversation", "log"), []) == "array[string]"
    assert pool.type_at(("other", "log"), []) == "array[any]"
