import random
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from graphmill.dsl.model import Place, Severity
from graphmill.dsl.reader import MAX_BYTES, read_document
from graphmill.dsl.yaml_tree import MAX_DEPTH, MAX_VALUES


def data_of(text):
    document = read_document(text)
    assert document.problems == ()
    return document.data


def refusal_of(content):
    """Code and place of the one error that a content is refused for."""
    document = read_document(content)
    assert document.data is None
    (problem,) = document.problems
    assert problem.severity is Severity.ERROR
    return problem.code, (problem.place.line, problem.place.column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", False),
        ("On", True),
        ("y", "y"),
        ("12:30", 750),
        ("017", 15),
        ("0o17", "0o17"),
        ("1_000", 1000),
        ("1e3", "1e3"),
        ("1.5e+3", 1500.0),
        ("~", None),
        ("2024-01-02", "2024-01-02"),
        ("=", "="),
        ("<<", "<<"),
        ("'no'", "no"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_words_mean_what_yaml_1_1_says(text, expected):
    assert {"a": expected} == data_of(f"a: {text}")


@pytest.mark.parametrize(
    ("key", "expected"),
    [("on", "true"), ("1", "1"), ("1.5", "1.5"), ("null", "null"), ("'on'", "on")],
)
def test_keys_are_text_as_after_a_way_through_json(key, expected):
    assert {expected: 1} == data_of(f"{key}: 1")


def test_merge_keys_take_in_mappings_and_give_way_to_own_keys():
    text = """
        base: &base {a: 1, b: 1}
        more: &more {b: 2, c: 2}
        one: {<<: *base, b: 3}
        many: {<<: [*more, *base], d: 4}
    """
    data = data_of(text)
    assert {"a": 1, "b": 3} == data["one"]
    assert {"a": 1, "b": 2, "c": 2, "d": 4} == data["many"]


def test_quoted_merge_key_is_a_key():
    assert {"a": {"<<": 1}} == data_of("a: {'<<': 1}")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="ab no1:#-'\"é\n", max_size=8),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text("abc"), values),
    max_leaves=20,
)


@given(json_values, st.booleans())
def test_data_is_what_pyyaml_makes_of_it(value, flow):
    text = yaml.safe_dump({"value": value}, default_flow_style=flow, allow_unicode=True)
    assert yaml.safe_load(text) == data_of(text)


@given(st.text() | st.text(alphabet="&*a{}[]:,-<!\"'|>? \n\t#%@`~0.") | st.binary())
def test_no_content_breaks_the_reader_and_every_problem_has_a_place(content):
    assert_problems_have_places(content)


def assert_problems_have_places(content):
    for problem in read_document(content).problems:
        assert problem.place.line >= 1
        assert problem.place.column >= 1
        assert problem.message


def test_mutations_of_a_file_do_not_break_the_reader():
    chance = random.Random(1)
    original = yaml.safe_dump({"a": [1, {"b": "c d", "e": None}], "f": {"g": [[], {}]}})
    for _ in range(2000):
        text = list(original)
        for _ in range(chance.randint(1, 4)):
            text[chance.randrange(len(text))] = chance.choice("&*{}[]:,-!'\"|>%@\t\n\0é")
        assert_problems_have_places("".join(text))


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("", "empty-file", (1, 1)),
        (" \n\t\n", "empty-file", (1, 1)),
        ("a: 1\nb: [1", "yaml-syntax", (3, 1)),
        ("a: b: c", "yaml-syntax", (1, 5)),
        ("a: 1\n---\nb: 2", "yaml-syntax", (2, 1)),
        ("a: 1\nb: x\0y", "yaml-syntax", (2, 5)),
        (b"a: 1\nb: \xff", "not-utf-8", (2, 4)),
        ("a: 1\n".encode("utf-16"), "not-utf-8", (1, 1)),
        ("a: \ud800", "not-utf-8", (1, 4)),
        ("a:\n  - !!python/object/apply:os.system [ls]", "unknown-tag", (2, 5)),
        ("a: !!python/name:os.system", "unknown-tag", (1, 4)),
        ("a: !!binary aGk=", "unknown-tag", (1, 4)),
        ("a: !mine x", "unknown-tag", (1, 4)),
        ("a: !!set {b, c}", "unknown-tag", (1, 4)),
        ("a: !!int x", "bad-value", (1, 4)),
        ("a: 9" + "9" * 5000, "bad-value", (1, 4)),
        ("a: 1" + ":1" * 5000, "bad-value", (1, 4)),
        ("a: *b", "bad-alias", (1, 4)),
        ("a: &a\n  - *a", "bad-alias", (2, 5)),
        ("a: &a {b: {c: *a}}", "bad-alias", (1, 15)),
        ("a: {<<: 1}", "bad-merge", (1, 9)),
        ("a: {<<: [{}, 1]}", "bad-merge", (1, 9)),
        ("? [a]\n: b", "bad-key", (1, 3)),
        ("- {a: 1}: 2", "bad-key", (1, 3)),
    ],
)
def test_a_content_that_is_no_data_is_refused_where_it_goes_wrong(content, code, place):
    assert (code, place) == refusal_of(content)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "], ids=["flow", "map", "list", "key"])
def test_depth_is_limited_however_it_is_written(opening):
    assert "too-deep" == refusal_of(opening * 10_000)[0]


def test_the_deepest_allowed_nesting_is_read():
    assert data_of("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_an_alias_bomb_is_refused_by_what_it_would_become():
    tens = (", ".join([f"*a{number}"] * 10) for number in range(20))
    levels = (f"a{number + 1}: &a{number + 1} [{ten}]" for number, ten in enumerate(tens))
    code, place = refusal_of("\n".join(["a0: &a0 x", *levels]))
    assert "too-large" == code
    assert 7 == place[0]


def test_a_merge_bomb_is_refused_by_what_it_would_become():
    wide = "{" + ", ".join(f"k{number}: 1" for number in range(2000)) + "}"
    many = "\n".join(f"m{number}: {{<<: *wide}}" for number in range(2000))
    assert "too-large" == refusal_of(f"wide: &wide {wide}\n{many}")[0]


def test_values_are_counted_without_aliases_too():
    assert "too-large" == refusal_of("- a\n" * (MAX_VALUES + 1))[0]


@pytest.mark.parametrize("content", ["a" * 100_000_000, b"a" * 100_000_000], ids=["str", "bytes"])
def test_a_hundred_megabytes_are_refused_unread(content):
    started = time.process_time()
    assert ("file-too-large", (1, 1)) == refusal_of(content)
    assert time.process_time() - started < 0.1


def test_the_longest_allowed_file_is_read():
    assert data_of("a: " + "b" * (MAX_BYTES - 3))


def test_a_byte_order_mark_is_no_part_of_the_data():
    assert {"a": 1} == data_of(b"\xef\xbb\xbfa: 1")


def test_a_key_that_stands_twice_is_told_and_the_last_value_counts():
    document = read_document("a: 1\nb:\n  c: 1\n  c: 2\n")
    assert {"a": 1, "b": {"c": 2}} == document.data
    (problem,) = document.problems
    assert (Severity.WARNING, "duplicate-key") == (problem.severity, problem.code)
    assert Place(4, 3) == problem.place


TEXT = """\
app:
  name: x
list:
- one
- {two: 2, three: [3]}
copy: &anchor
  inner: 1
alias: *anchor
merged:
  <<: *anchor
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), Place(1, 1)),
        (("app", "name"), Place(2, 3)),
        (("list", 0), Place(4, 3)),
        (("list", 1, "three", 0), Place(5, 20)),
        (("list", 1, "absent", "below"), Place(5, 3)),
        (("list", 7), Place(3, 1)),
        (("alias", "inner"), Place(7, 3)),
        (("merged", "inner"), Place(7, 3)),
        (("absent",), Place(1, 1)),
    ],
)
@pytest.mark.parametrize("forgotten", [False, True], ids=["fresh", "forgotten"])
def test_a_path_leads_to_its_key_or_the_nearest_thing_around(path, expected, forgotten):
    places = read_document(TEXT).places
    if forgotten:
        places.forget()
    assert expected == places.of(path)
    assert expected == places.below(path[:1])(path[1:])
