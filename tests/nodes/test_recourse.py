"""`workflow-dsl §10.3`: the values that take the place of a failed node's outputs."""

import pytest

from graphmill.nodes.recourse import default_value


@pytest.mark.parametrize(
    ("value_type", "value", "expected"),
    [
        ("string", "D", "D"),
        ("string", "", ""),
        ("number", "3", 3.0),
        ("number", 3, 3),
        ("number", 3.5, 3.5),
        ("number", True, True),
        ("object", '{"a":1}', {"a": 1}),
        ("object", {"a": 1}, {"a": 1}),
        ("array[string]", '["a"]', ["a"]),
        ("array[string]", [], []),
        ("array[number]", "[1, 2.5]", [1, 2.5]),
        ("array[object]", [{"a": 1}], [{"a": 1}]),
        ("array[file]", "whatever", "whatever"),
        ("array[file]", None, None),
    ],
)
def test_f11_f12_text_becomes_what_its_type_says(value_type, value, expected):
    result = default_value(value_type, value)
    assert expected == result
    assert type(expected) is type(result)


@pytest.mark.parametrize(
    ("value_type", "value", "message"),
    [
        ("string", 5, "Value must be str type for 5"),
        ("string", None, "Value must be str type for None"),
        ("number", "x", "Cannot convert to number: x"),
        ("number", [1], "Value must be number type for [1]"),
        ("object", "{", "Invalid JSON format for value: {"),
        ("object", "[1]", "Value must be dict type for [1]"),
        ("object", "[" * 5000, "Invalid JSON format for value: " + "[" * 200 + "…"),
        ("array[string]", "[1]", "All elements must be str for [1]"),
        ("array[string]", '{"a": 1}', "Value must be list type for {'a': 1}"),
        ("array[string]", "x", "Invalid JSON format for value: x"),
        ("array[number]", '["1"]', "All elements must be number for ['1']"),
        ("array[object]", "[1]", "All elements must be dict for [1]"),
        ("boolean", True, "Unsupported type: boolean"),
    ],
)
def test_f13_a_value_of_another_type_is_refused(value_type, value, message):
    # The whole message is compared below.
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        default_value(value_type, value)
    assert message == str(caught.value)
