"""Results of single conditions are tested in `tests/variables/test_conditions.py`."""

import pytest
from pydantic import ValidationError

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.nodes.registry import NODE_TYPES
from graphmill.variables.files import File
from tests.nodes.running import build, run_node, validated

TEXT = File("document", "local_file", "a.txt", ".txt", "text/plain", 5, related_id="1")


def when(name, word, value, **more):
    return {
        "id": "c1",
        "variable_selector": ["start", name],
        "varType": "string",
        "comparison_operator": word,
        "value": value,
        **more,
    }


def case(case_id, *conditions, operator="and"):
    return {
        "id": case_id,
        "case_id": case_id,
        "logical_operator": operator,
        "conditions": list(conditions),
    }


def shown(name, word, value, sub=None):
    return {
        "variable_selector": ["start", name],
        "comparison_operator": word,
        "value": value,
        "sub_variable_condition": sub,
    }


def compared(actual, word, expected):
    return {"actual_value": actual, "expected_value": expected, "comparison_operator": word}


ONE = case("one", when("a", "is", "1"))
TWO = case("two", when("a", "is", "2"), operator="or")


def group(case_id, operator, *conditions):
    return {"case_id": case_id, "logical_operator": operator, "conditions": list(conditions)}


def test_the_first_case_that_is_true_is_left_by():
    outcome = run_node("if-else", {"cases": [ONE, TWO]}, {"start": {"a": "2"}})

    assert outcome == Succeeded(
        {"result": True, "selected_case_id": "two"},
        {"conditions": [compared("2", "is", "2")]},
        {
            "condition_results": [
                {
                    "group": group("one", "and", shown("a", "is", "1")),
                    "results": [False],
                    "final_result": False,
                },
                {
                    "group": group("two", "or", shown("a", "is", "2")),
                    "results": [True],
                    "final_result": True,
                },
            ]
        },
        handle="two",
    )


def test_without_a_true_case_the_exit_is_false():
    outcome = run_node("if-else", {"cases": [ONE, TWO]}, {"start": {"a": "3"}})

    assert outcome.handle == "false"
    assert outcome.outputs == {"result": False, "selected_case_id": "false"}
    assert outcome.inputs == {"conditions": [compared("3", "is", "2")]}


def test_a_case_may_be_called_false_and_true():
    data = {"cases": [case("false", when("a", "is", "1"))]}

    assert run_node("if-else", data, {"start": {"a": "1"}}).outputs == {
        "result": True,
        "selected_case_id": "false",
    }


def test_files_of_the_first_releases_have_one_nameless_case():
    data = {
        "logical_operator": "or",
        "conditions": [when("a", "is", "x"), when("a", "start with", "y")],
    }

    outcome = run_node("if-else", data, {"start": {"a": "yes"}})

    assert outcome == Succeeded(
        {"result": True, "selected_case_id": "true"},
        {"conditions": [compared("yes", "is", "x"), compared("yes", "start with", "y")]},
        {
            "condition_results": [
                {"group": "default", "results": [False, True], "final_result": True}
            ]
        },
        handle="true",
    )


def test_cases_win_over_left_overs_of_the_old_form():
    data = {"cases": [ONE], "logical_operator": "and", "conditions": [when("zz", "is", "x")]}

    assert run_node("if-else", data, {"start": {"a": "1"}}).handle == "one"


def test_a_case_without_conditions_is_true_for_and_and_false_for_or():
    assert run_node("if-else", {"cases": [case("c")]}).handle == "c"
    assert run_node("if-else", {"cases": [case("c", operator="or")]}).handle == "false"


@pytest.mark.parametrize(
    ("second", "values", "error"),
    [
        (when("ghost", "empty", ""), {"a": "0"}, "Variable ['start', 'ghost'] not found"),
        (
            when("b", "is", "3"),
            {"a": "0", "b": 3},
            "Invalid actual value type: string or boolean",
        ),
    ],
)
def test_a_failure_keeps_what_was_evaluated_before(second, values, error):
    outcome = run_node("if-else", {"cases": [ONE, case("two", second)]}, {"start": values})

    assert outcome == Failed(
        error,
        "",
        {"conditions": [compared("0", "is", "1")]},
        {
            "condition_results": [
                {
                    "group": group("one", "and", shown("a", "is", "1")),
                    "results": [False],
                    "final_result": False,
                }
            ]
        },
    )


def test_conditions_on_files_are_shown_with_their_case():
    sub = {
        "case_id": "x",
        "logical_operator": "and",
        "conditions": [
            {"id": "s", "key": "extension", "comparison_operator": "is", "value": "txt"}
        ],
    }
    data = {"cases": [case("true", when("fs", "contains", "", sub_variable_condition=sub))]}

    outcome = run_node("if-else", data, {"start": {"fs": [TEXT]}})

    assert outcome.inputs == {"conditions": []}
    assert outcome.process_data["condition_results"] == [
        {
            "group": group(
                "true",
                "and",
                shown(
                    "fs",
                    "contains",
                    "",
                    {
                        "logical_operator": "and",
                        "conditions": [
                            {"key": "extension", "comparison_operator": "is", "value": "txt"}
                        ],
                    },
                ),
            ),
            "results": [True],
            "final_result": True,
        }
    ]


def test_existence_is_not_listed_as_a_comparison():
    data = {"cases": [case("true", when("f", "exists", ""))]}

    outcome = run_node("if-else", data, {"start": {"f": TEXT}})

    assert outcome.handle == "true"
    assert outcome.inputs == {"conditions": []}


@pytest.mark.parametrize("number", [1, 0, 5, 2.5])
def test_numbers_without_quotes_are_texts(number):
    data = {"cases": [case("true", when("a", "is", number))]}

    outcome = run_node("if-else", data, {"start": {"a": str(number)}})

    assert outcome.handle == "true"
    assert outcome.inputs == {"conditions": [compared(str(number), "is", str(number))]}


@pytest.mark.parametrize(
    "condition",
    [when("a", "is", [True]), when("a", "is", {"x": 1}), when("a", "resembles", "x")],
    ids=["list of booleans", "mapping", "unknown operator"],
)
def test_conditions_that_cannot_be_read_refuse_the_version(condition):
    with pytest.raises(ValidationError):
        build("if-else", {"cases": [case("true", condition)]})


@pytest.mark.parametrize(
    ("data", "handles"),
    [
        ({"cases": [case("c", when("a", "is", "{{#n.x#}}"))]}, {"c", "false"}),
        ({"conditions": [when("a", "is", "{{#n.x#}}")]}, {"true", "false"}),
    ],
    ids=["cases", "old form"],
)
def test_the_checker_knows_what_is_read_and_the_exits(data, handles):
    kind = NODE_TYPES["if-else"]
    valid = validated(kind, data)

    assert kind.reads(valid) == (("start", "a"), ("n", "x"))
    assert kind.handles(valid) == handles
    assert kind.output_names(valid) == {"result", "selected_case_id"}
