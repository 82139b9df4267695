"""What `main` may return: every check of `nodes §8`, at its limits and beyond, in Dify's words."""

from typing import Any

import pytest

from graphmill.nodes.code.outputs import (
    Output,
    OutputInvalid,
    OutputType,
    check_outputs,
    read_result,
)
from graphmill.variables.values import Value

RANGE = (
    "Output variable `v` is out of range, "
    "it must be between -9223372036854775808 and 9223372036854775807."
)
PRECISION = "Output variable `v` has too high precision, it must be less than 20 digits."
DEPTH = "Depth limit 5 reached, object too deep."
MIXED = "Output .v.l is not a valid array. make sure all elements are of the same type."


def checked(value: Value, type: str, children: Any = None) -> Value:
    schema = {"v": Output(OutputType(type), children)}
    return check_outputs({"v": value}, schema)["v"]


def too_long(limit: int) -> str:
    return f"The length of output variable `v` must be less than {limit} elements."


def nested(levels: int) -> dict[str, Value]:
    value: dict[str, Value] = {}
    for _ in range(levels - 1):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("string", ""),
        ("string", "x" * 400_000),
        ("number", 0),
        ("number", -1.5),
        ("number", 9223372036854775807),
        ("number", -9223372036854775808),
        ("number", 1e-20),
        ("number", 0.12345678901234568),
        ("boolean", False),
        ("boolean", 1),
        ("boolean", "not checked"),
        ("object", {}),
        ("object", {"a": None, "b": [None, 1], "c": {"d": "e"}, "f": True}),
        ("object", nested(4)),
        ("array[string]", []),
        ("array[string]", ["", None] * 15),
        ("array[number]", [1, 2.5] * 500),
        ("array[object]", [{}, None] * 15),
        ("array[boolean]", [True, None] * 500),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_fits_is_passed_on(type: str, value: Value) -> None:
    assert value == checked(value, type)


@pytest.mark.parametrize("type", OutputType)
def test_null_fits_every_type(type: str) -> None:
    assert checked(None, type) is None


@pytest.mark.parametrize(
    ("type", "value", "expected"),
    [
        pytest.param("string", "a\0b\0", "ab", id="NUL in a text"),
        pytest.param("array[string]", ["\0a"], ["a"], id="NUL in a list"),
        pytest.param("number", True, 1, id="a boolean for a number"),
        pytest.param("array[number]", [False, 2], [0, 2], id="booleans for numbers"),
    ],
)
def test_what_nearly_fits_is_changed(type: str, value: Value, expected: Value) -> None:
    found = checked(value, type)
    assert repr(expected) == repr(found)


@pytest.mark.parametrize(
    ("type", "value", "message"),
    [
        ("string", 5, "Output v must be a string, got int instead"),
        ("string", ["a"], "Output v must be a string, got list instead"),
        (
            "string",
            "x" * 400_001,
            "The length of output variable `v` must be less than 400000 characters",
        ),
        ("number", "1", "Output v is not a number, got <class 'str'> instead."),
        ("number", [1], "Output v is not a number, got <class 'list'> instead."),
        ("number", 2**63, RANGE),
        ("number", -(2**63) - 1, RANGE),
        ("number", 1e300, RANGE),
        ("number", float("nan"), RANGE),
        ("number", float("inf"), RANGE),
        ("number", 1.5e-21, PRECISION),
        ("number", 1e-25, PRECISION),
        ("object", [], "Output v is not an object, got <class 'list'> instead."),
        ("object", "{}", "Output v is not an object, got <class 'str'> instead."),
        ("object", {"l": [1, "a"]}, MIXED),
        ("object", {"l": [[1]]}, MIXED),
        (
            "object",
            {"s": "x" * 400_001},
            "The length of output variable `.v.s` must be less than 400000 characters",
        ),
        ("array[string]", "x", "Output v is not an array, got <class 'str'> instead."),
        ("array[string]", ["x"] * 31, too_long(30)),
        ("array[string]", ["x", 5], "object of type 'int' has no len()"),
        ("array[number]", 5, "Output v is not an array, got <class 'int'> instead."),
        ("array[number]", [1] * 1001, too_long(1000)),
        (
            "array[number]",
            [1, "x"],
            "The element at index 1 of output variable `v` must be a number.",
        ),
        (
            "array[number]",
            [None],
            "The element at index 0 of output variable `v` must be a number.",
        ),
        ("array[object]", [{}] * 31, too_long(30)),
        (
            "array[object]",
            [{}, 1],
            "Output v[1] is not an object, got <class 'int'> instead at index 1.",
        ),
        (
            "array[boolean]",
            [True, 1],
            "Output v[1] is not a boolean, got <class 'int'> instead.",
        ),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_does_not_fit_is_refused(type: str, value: Value, message: str) -> None:
    with pytest.raises(OutputInvalid) as failure:
        checked(value, type)
    assert (message, "OutputValidationError") == (str(failure.value), failure.value.kind)


@pytest.mark.parametrize(
    ("type", "value"),
    [
        pytest.param("object", nested(5), id="an object"),
        pytest.param("array[object]", [nested(5)], id="in a list"),
        pytest.param("object", {"l": [nested(4)]}, id="a list in an object"),
    ],
)
def test_five_levels_are_allowed_and_no_sixth(type: str, value: Value) -> None:
    with pytest.raises(OutputInvalid) as failure:
        checked(value, type)
    assert (DEPTH, "DepthLimitError") == (str(failure.value), failure.value.kind)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param({}, "Output .v.n is missing.", id="missing"),
        pytest.param(
            {"n": "x"}, "Output .v.n is not a number, got <class 'str'> instead.", id="type"
        ),
        pytest.param({"n": 1, "m": 2}, "Not all output parameters are validated.", id="too many"),
    ],
)
def test_what_an_object_holds_can_be_declared(value: Value, message: str) -> None:
    children = {"n": Output(OutputType.NUMBER)}
    assert {"n": 1} == checked({"n": 1}, "object", children)
    with pytest.raises(OutputInvalid) as failure:
        checked(value, "object", children)
    assert message == str(failure.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1E+10", 1e10),
        ("-2.5e-3", -0.0025),
        ("1e10", "1e10"),
        ("1.e+5", "1.e+5"),
        (" 1e+5", " 1e+5"),
        ("10", "10"),
    ],
)
def test_numbers_that_travelled_as_text_become_numbers_again(text: str, expected: Value) -> None:
    assert {"a": expected, "b": [{"c": expected}]} == read_result({"a": text, "b": [{"c": text}]})
