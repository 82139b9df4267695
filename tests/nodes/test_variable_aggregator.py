import pytest

from graphmill.engine.outcome import Succeeded
from graphmill.nodes.registry import NODE_TYPES
from tests.nodes.running import run_node, validated

PLAIN = {"output_type": "string", "variables": [["start", "a"], ["start", "b", "k"]]}
GROUPED = {
    "output_type": "any",
    "variables": [],
    "advanced_settings": {
        "group_enabled": True,
        "groups": [
            {
                "groupId": "1",
                "group_name": "G1",
                "output_type": "string",
                "variables": [["start", "a"], ["start", "b"]],
            },
            {"group_name": "G2", "output_type": "number", "variables": [["other", "b"]]},
            {"group_name": "G3", "output_type": "number", "variables": [["start", "none"]]},
        ],
    },
}


@pytest.mark.parametrize(
    ("start", "outputs", "inputs"),
    [
        ({"b": {"k": "B"}}, {"output": "B"}, {"b.k": "B"}),
        ({"a": None, "b": {"k": "B"}}, {"output": None}, {"a": None}),
        ({"a": "", "b": {"k": "B"}}, {"output": ""}, {"a": ""}),
        ({}, {}, {}),
    ],
    ids=["N21 first missing", "N22 none is present", "blank is present", "N23 nothing"],
)
def test_the_first_variable_that_exists_wins(start, outputs, inputs):
    assert run_node("variable-aggregator", PLAIN, {"start": start}) == Succeeded(outputs, inputs)


def test_every_group_has_an_output_of_its_own():
    outcome = run_node("variable-aggregator", GROUPED, {"start": {"b": "B"}, "other": {"b": 3}})

    assert outcome == Succeeded({"G1": {"output": "B"}, "G2": {"output": 3}}, {"b": 3})


@pytest.mark.parametrize("settings", [None, {"group_enabled": False, "groups": []}])
def test_groups_that_are_switched_off_do_not_count(settings):
    data = {**PLAIN, "advanced_settings": settings}

    assert run_node("variable-aggregator", data, {"start": {"a": 1}}).outputs == {"output": 1}


def test_the_checker_knows_what_is_read_and_given_out():
    kind = NODE_TYPES["variable-aggregator"]
    plain, grouped = validated(kind, PLAIN), validated(kind, GROUPED)

    assert kind.reads(plain) == (("start", "a"), ("start", "b", "k"))
    assert kind.output_names(plain) == {"output"}
    assert kind.reads(grouped)[1:3] == (("start", "b"), ("other", "b"))
    assert kind.output_names(grouped) == {"G1", "G2", "G3"}
