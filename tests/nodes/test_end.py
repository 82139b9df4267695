import pytest
from pydantic import ValidationError

from graphmill.engine.outcome import Succeeded
from graphmill.nodes.registry import NODE_TYPES
from tests.nodes.running import build, run_node, validated


def outputs(**selectors):
    return {
        "outputs": [
            {"variable": name, "value_selector": selector} for name, selector in selectors.items()
        ]
    }


def test_outputs_are_the_plain_values_and_none_for_what_is_missing():
    values = {"start": {"o": {"l": [5]}, "n": None}, "a": {"r": "A"}}
    data = outputs(a=["a", "r"], n=["start", "n"], x=["nope", "x"], z=["start", "o", "l", "0"])

    expected = {"a": "A", "n": None, "x": None, "z": None}
    assert run_node("end", data, values) == Succeeded(expected, expected)


def test_the_last_of_two_outputs_of_one_name_wins():
    data = {
        "outputs": [
            {"variable": "x", "value_selector": ["start", "a"], "value_type": "Array[String]"},
            {"variable": "x", "value_selector": ["start", "b"]},
        ]
    }

    assert run_node("end", data, {"start": {"a": 1, "b": 2}}).outputs == {"x": 2}


def test_an_end_node_may_give_out_nothing():
    assert run_node("end", {"outputs": []}) == Succeeded({}, {})


def test_an_end_node_says_what_it_gives_out():
    with pytest.raises(ValidationError, match="outputs"):
        build("end", {})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (outputs(), ()),
        (outputs(a=["l", "x"]), (("l", "x"),)),
        (outputs(a=["l", "x"], b=[], c=["m", "y"]), (("l", "x"), "\n", ("m", "y"))),
    ],
    ids=["none", "one", "an empty one between two"],
)
def test_outputs_stream_with_line_breaks_between_them(data, expected):
    kind = NODE_TYPES["end"]

    assert expected == kind.stream_template(validated(kind, data))


def test_the_checker_knows_what_is_read_and_given_out():
    kind = NODE_TYPES["end"]
    data = validated(kind, outputs(a=["l", "x"], b=["sys.user_id"]))

    assert kind.reads(data) == (("l", "x"), ("sys", "user_id"))
    assert kind.output_names(data) == {"a", "b"}
