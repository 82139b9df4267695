"""Parameters as PHP reads them (`nextcloud-ocs §1.2, §1.3`)."""

import time
from typing import Any
from urllib.parse import parse_qsl

import pytest

from graphmill.api.ocs.errors import OcsError
from graphmill.api.ocs.parameters import Parameters, nested, read_pairs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1&a=2", {"a": "2"}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[0]=1&a[1]=2", {"a": ["1", "2"]}),
        ("a[1]=1", {"a": {"1": "1"}}),
        ("a[k]=v&a[l][m]=w", {"a": {"k": "v", "l": {"m": "w"}}}),
        ("a[][b]=1&a[][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("a=1&a[k]=2", {"a": {"k": "2"}}),
        ("[a]=1&b", {"b": ""}),
        ("a[b=1", {"a": "1"}),
    ],
)
def test_brackets(text: str, expected: dict[str, Any]) -> None:
    assert expected == nested(parse_qsl(text, keep_blank_values=True))


def test_brackets_have_limits() -> None:
    assert 1000 == len(nested((f"a{i}", "") for i in range(5000)))
    assert {} == nested([("a" + "[b]" * 5000, "x")])
    deep: Any = nested([("a" + "[b]" * 300, "x")])
    depth = 0
    while isinstance(deep, dict):
        deep, depth = next(iter(deep.values())), depth + 1
    assert depth < 50


def test_what_comes_after_so_many_pairs_costs_nothing() -> None:
    """Sixteen megabytes of them, as large as a body may be, took nine seconds."""
    begun = time.perf_counter()
    assert {"a": "1", "b": ""} == read_pairs(b"a=1&" + b"b&" * 8_000_000)
    assert time.perf_counter() - begun < 1


def given(value: Any, *, words: bool = False) -> Parameters:
    return Parameters({"x": value}, words_are_booleans=words)


@pytest.mark.parametrize(
    ("value", "number"),
    [("12", 12), ("12abc", 12), ("abc", 0), (True, 1), (7.9, 7), ("-3", -3), (1e999, 0)],
)
def test_integers(value: Any, number: int) -> None:
    assert number == given(value).integer("x")


@pytest.mark.parametrize(("value", "number"), [("0.5", 0.5), ("abc", 0.0), (1, 1.0), (".5e1", 5.0)])
def test_numbers(value: Any, number: float) -> None:
    assert number == given(value).number("x")


@pytest.mark.parametrize(
    ("value", "words", "truth"),
    [
        (True, False, True),
        (False, False, False),
        ("false", True, False),
        ("false", False, True),
        ("", True, False),
        ("0", True, False),
        (0, False, False),
        ("no", True, True),
    ],
)
def test_booleans(value: Any, words: bool, truth: bool) -> None:
    assert truth is given(value, words=words).boolean("x", default=True)


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (5, "5"), (True, "1"), (False, "")])
def test_texts(value: Any, text: str) -> None:
    assert text == given(value).text("x")


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["a", "b"], ["a", "b"]),
        ("a", ["a"]),
        ({"3": "a"}, ["a"]),
        (None, []),
        ([["a"], "b"], ["b"]),
    ],
)
def test_lists_of_texts(value: Any, texts: list[str]) -> None:
    assert texts == given(value).texts("x")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, lambda x: x.text("x")),
        (["a"], lambda x: x.text("x")),
        ({}, lambda x: x.integer("x")),
        ("a", lambda x: x.mapping("x")),
        (["a"], lambda x: x.mapping("x")),
    ],
)
def test_other_kinds_are_named(value: Any, read: Any) -> None:
    with pytest.raises(OcsError, match='Parameter "x"') as refused:
        read(given(value))
    assert 400 == refused.value.status
