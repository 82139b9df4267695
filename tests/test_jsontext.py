"""JSON: exact in both directions, and never a crash over what a stranger sent."""

import json
import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.jsontext import decode, encode, storable

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**90), 2**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(value=values)
def test_what_was_encoded_is_decoded(value: object) -> None:
    assert value == decode(encode(value))


@given(value=values)
def test_everybody_can_read_it(value: object) -> None:
    assert value == json.loads(encode(value).decode())


@dataclass
class Point:
    x: int


def as_list(value: Any) -> object:
    return [value.x] if isinstance(value, Point) else (_ for _ in ()).throw(TypeError("no point"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param({"a": [1, True, None, "é"]}, '{"a":[1,true,null,"é"]}', id="plain"),
        pytest.param((1, 2), "[1,2]", id="tuple"),
        pytest.param(math.nan, "null", id="not a number"),
        pytest.param([math.inf, 2**70], "[null,1180591620717411303424]", id="infinity"),
        pytest.param(2**64, "18446744073709551616", id="long number"),
        pytest.param("\ud83d", '"\\ud83d"', id="half a character"),
        pytest.param({"\udc00": "é"}, '{"\\udc00":"é"}', id="half a character as key"),
        pytest.param({1: 2}, '{"1":2}', id="number as key"),
        pytest.param(Point(1), "[1]", id="by default"),
        pytest.param([Point(2**70)], "[[1180591620717411303424]]", id="by default, long number"),
    ],
)
def test_encoding(value: object, text: str) -> None:
    assert text == encode(value, default=as_list).decode()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", Point(1)], ids=type)
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_default_may_refuse() -> None:
    with pytest.raises(TypeError, match="no point"):
        encode([object()], default=as_list)


def test_bottomless_values_are_cut_off() -> None:
    value: list[object] = []
    for _ in range(10_000):
        value = [value]
    levels = 0
    decoded = decode(encode({"deep": value}))["deep"]
    while decoded is not None:
        [decoded] = decoded
        levels += 1
    assert 253 == levels


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("-9223372036854775809", -9223372036854775809, id="shortest long number"),
        pytest.param(
            "[123456789012345678901234567890]", [123456789012345678901234567890], id="long"
        ),
        pytest.param("0.1234567890123456789012", 0.1234567890123456789012, id="long fraction"),
        pytest.param('"\\ud800"', "\ud800", id="half a character"),
        pytest.param("[NaN,Infinity,-Infinity]", [None, None, None], id="words of Python"),
    ],
)
def test_decoding(text: str, value: object) -> None:
    assert value == decode(text.encode())


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"{'a': 1}", b"[1] 2", b"\xff", b'"\xff"', b"[" * 100_000, "1".encode("utf-16"),
     b"9" * 5000],
    ids=["nothing", "cut off", "quotes", "two values", "no UTF-8", "no UTF-8 inside", "bottomless",
         "UTF-16", "endless number"],
)  # fmt: skip
def test_what_is_not_json_is_a_value_error(text: bytes) -> None:
    # The sentence is the parser's own, another one for each.
    with pytest.raises(ValueError):  # noqa: PT011
        decode(text)


@pytest.mark.parametrize("text", ["", "abc", "中文 é 😀", "\x00"])
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assert text == storable(text)


def test_halves_of_characters_are_spelled() -> None:
    assert "é\\ud83d!" == storable("é\ud83d!")
