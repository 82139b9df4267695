import json
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.variables.files import File
from graphmill.variables.values import (
    MISSING,
    mask_secret,
    render_log,
    render_markdown,
    render_text,
    type_of,
)

PICTURE = File("image", "remote_url", filename="x.png", remote_url="http://h/x.png")
NOTES = File("document", "local_file", filename="n.txt", related_id="1", url="http://h/1?sign=s")

TYPES = {
    "none", "boolean", "integer", "float", "string", "object", "file", "array[any]",
    "array[boolean]", "array[number]", "array[string]", "array[object]", "array[file]",
}  # fmt: skip

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(PICTURE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "none"),
        (True, "boolean"),
        (1, "integer"),
        (1.0, "float"),
        ("", "string"),
        ({}, "object"),
        (PICTURE, "file"),
        ([], "array[any]"),
        (["a"], "array[string]"),
        ([True, False], "array[boolean]"),
        ([{}], "array[object]"),
        ([PICTURE], "array[file]"),
        ([1, 2], "array[number]"),
        ([1, 2.5], "array[number]"),
        ([1, True], "array[any]"),
        ([[1]], "array[any]"),
        ([None], "array[any]"),
        (["a", None], "array[any]"),
    ],
    ids=repr,
)
def test_types_are_those_of_the_value_now(value, expected):
    assert expected == type_of(value)


def test_foreign_objects_have_no_type():
    with pytest.raises(TypeError, match="not supported value"):
        type_of(object())


def test_an_enumeration_is_no_text():
    with pytest.raises(TypeError, match="not supported value"):
        type_of(StrEnum("Word", ["A"]).A)


@given(values)
def test_every_value_has_a_type(value):
    assert type_of(value) in TYPES


@pytest.mark.parametrize(
    ("value", "text", "markdown", "log"),
    [
        (None, "", "", ""),
        ("é\n", "é\n", "é\n", "é\n"),
        (True, "True", "True", "True"),
        (3, "3", "3", "3"),
        (3.0, "3.0", "3.0", "3.0"),
        (1.5, "1.5", "1.5", "1.5"),
        (1e20, "1e+20", "1e+20", "1e+20"),
        ({"k": "é"}, '{"k": "é"}', '{\n  "k": "é"\n}', '{\n  "k": "é"\n}'),
        ({}, "{}", "{}", "{}"),
        (["a", "é"], '["a", "é"]', "- a\n- é", "['a', 'é']"),
        ([], "", "", "[]"),
        ([1, 2.5], "[1, 2.5]", "- 1\n- 2.5", "[1, 2.5]"),
        ([True], "[True]", "- True", "[True]"),
        ([{"a": 1}], "[{'a': 1}]", "- {'a': 1}", "[{'a': 1}]"),
        ([None, "a"], "[None, 'a']", "- None\n- a", "[None, 'a']"),
        ([[1]], "[[1]]", "- [1]", "[[1]]"),
        (PICTURE, "", "![x.png](http://h/x.png)", ""),
        (NOTES, "", "[n.txt](http://h/1?sign=s)", ""),
        ([PICTURE, NOTES], "", "![x.png](http://h/x.png)\n[n.txt](http://h/1?sign=s)", ""),
    ],
    ids=repr,
)
def test_renderings(value, text, markdown, log):
    assert (text, markdown, log) == (render_text(value), render_markdown(value), render_log(value))


def test_a_file_inside_something_else_is_rendered_as_its_mapping():
    assert json.loads(render_text({"f": PICTURE})) == {"f": PICTURE.to_mapping()}
    assert f"[{PICTURE.to_mapping()}, 1]" == render_text([PICTURE, 1])


@given(values)
def test_rendering_never_fails(value):
    for render in (render_text, render_markdown, render_log):
        assert isinstance(render(value), str)


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("", ""),
        ("a", "*" * 20),
        ("abc", "*" * 20),
        ("12345678", "*" * 20),
        ("123456789", "123456************89"),
        ("secretkey123", "secret************23"),
    ],
)
def test_secrets_are_masked(secret, expected):
    assert expected == mask_secret(secret)


def test_missing_says_so():
    assert repr(MISSING) == "MISSING"
