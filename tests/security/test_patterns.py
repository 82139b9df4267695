"""Patterns and schemas of authors, on values of callers: no match takes more than a moment."""

import time

import pytest

from graphmill.nodes.json_schemas import object_check

LONG = "a" * 30 + "!"


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(.*a){12}$", r"^(\w+\s?)*$"])
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"x": {"pattern": "PATTERN"}}}, {"x": LONG}),
        ({"patternProperties": {"PATTERN": False}}, {LONG: 1}),
        (
            {"patternProperties": {"PATTERN": {}}, "additionalProperties": {"type": "integer"}},
            {LONG: 1},
        ),
    ],
    ids=["pattern", "pattern-properties", "additional-properties"],
)
def test_pattern_that_would_try_for_ever_is_done_at_once(
    schema: dict[str, object], value: dict[str, object], pattern: str
) -> None:
    check = object_check("cfg", _with(schema, pattern), required=True)
    began = time.monotonic()
    try:
        check(value)
    except ValueError as error:
        # A value may also fit: only the time matters then.
        assert "does not match" in str(error)  # noqa: PT017
    assert time.monotonic() - began < 1


def _with(schema: object, pattern: str) -> object:
    if isinstance(schema, dict):
        return {
            key.replace("PATTERN", pattern): _with(value, pattern) for key, value in schema.items()
        }
    return pattern if schema == "PATTERN" else schema


@pytest.mark.parametrize("pattern", ["^(?=.*[0-9]).+$", r"(a)\1"])
def test_pattern_that_cannot_be_matched_in_a_moment_is_refused_at_load(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        object_check("cfg", {"properties": {"x": {"pattern": pattern}}}, required=True)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^[a-z]+$", "abc", True),
        ("^[a-z]+$", "ABC", False),
        ("b", "abc", True),
        (r"^\d{3}-\d{4}$", "555-1234", True),
        ("^.$", "日", True),
    ],
)
def test_patterns_mean_what_they_say(pattern: str, text: str, fits: bool) -> None:
    check = object_check("cfg", {"properties": {"x": {"pattern": pattern}}}, required=True)
    if fits:
        check({"x": text})
    else:
        with pytest.raises(ValueError, match="does not match"):
            check({"x": text})


def test_names_of_members_are_matched_too() -> None:
    schema = {"patternProperties": {"^n_": {"type": "integer"}}, "additionalProperties": False}
    check = object_check("cfg", schema, required=True)
    check({"n_a": 1})
    for wrong in ({"n_a": "x"}, {"other": 1}):
        with pytest.raises(ValueError, match="does not match"):
            check(wrong)


def test_many_objects_that_must_differ_are_compared_at_once() -> None:
    check = object_check("cfg", {"properties": {"x": {"uniqueItems": True}}}, required=True)
    began = time.monotonic()
    check({"x": [{"n": number} for number in range(20_000)]})
    assert time.monotonic() - began < 1
    with pytest.raises(ValueError, match="non-unique"):
        check({"x": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]})


def test_schema_that_is_its_own_definition_is_refused_and_breaks_nothing() -> None:
    check = object_check("cfg", {"$ref": "#"}, required=True)
    with pytest.raises(ValueError, match="without end"):
        check({"a": 1})
