import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.variables.conditions import (
    OPERATORS,
    Condition,
    ConditionGroup,
    FileCondition,
    FileConditionGroup,
    compare,
    evaluate,
)
from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.template import Template

PNG = File("image", "local_file", "x.png", ".png", "image/png", 10, related_id="1")
PDF = File("document", "local_file", "y.pdf", ".pdf", "application/pdf", 100, related_id="2")

ANY = ["is", "is not", "=", "≠", ">"]


def condition(name, word, value, of_files=None):
    expected = Template.parse(value) if isinstance(value, str) else value
    return Condition(("start", name), word, expected, of_files)


def evaluated(conditions, pool, match_all=True):
    return evaluate(ConditionGroup(tuple(conditions), match_all), Pool({"start": pool}))


def holds(actual, word, value, **others):
    return evaluated([condition("x", word, value)], {"x": actual, **others}).result


@pytest.mark.parametrize(
    ("actual", "word", "value", "expected"),
    [
        pytest.param("hello", "contains", "", True, id="C1"),
        pytest.param("", "contains", "", False, id="C2"),
        pytest.param("", "not contains", "z", True, id="C3"),
        pytest.param("", "start with", "", False, id="C4"),
        pytest.param("", "is", "", True, id="C5"),
        *(pytest.param(None, word, "1", False, id=f"C6 {word}") for word in ANY),
        pytest.param(" ", "empty", None, False, id="C7"),
        *(
            pytest.param(blank, "empty", None, True, id=f"C8 {blank!r}")
            for blank in (0, False, [], {}, None, "")
        ),
        pytest.param(0, "not empty", None, False, id="C9"),
        pytest.param(None, "null", None, True, id="C10 none"),
        pytest.param("", "null", None, False, id="C10 blank"),
        pytest.param("", "not null", None, True, id="C10 not null"),
        pytest.param(None, "exists", None, False, id="C12 exists"),
        pytest.param(None, "not exists", None, True, id="C12 not exists"),
        pytest.param(5, "=", "5", True, id="C13"),
        pytest.param(5, "=", " 5 ", True, id="C13 blanks"),
        pytest.param(5, "=", "5.0", True, id="C14 (D30)"),
        pytest.param(2, "=", "2.5", False, id="if-number-eq-decimal (D30)"),
        pytest.param(5, "=", "", False, id="blank (D30)"),
        pytest.param(5, "≠", "", True, id="not blank (D30)"),
        pytest.param(5.0, "=", "5", True, id="C15"),
        pytest.param(5, "≠", "6", True, id="other number"),
        pytest.param(5, ">", "4.5", True, id="C16"),
        pytest.param(2**60 + 1, ">", str(2**60), True, id="exact"),
        pytest.param(5, "≥", "5", True, id="greater or equal"),
        pytest.param(5, ">", True, True, id="a boolean counts as a number"),
        pytest.param(5, "<", "5", False, id="less"),
        pytest.param(5, "≤", "5", True, id="less or equal"),
        pytest.param(True, "is", "true", True, id="C22 text"),
        pytest.param(True, "is", True, True, id="C22 boolean"),
        pytest.param(True, "is", "1", True, id="C22 number"),
        pytest.param(True, "is", "0", False, id="if-boolean-is-text-0"),
        pytest.param(True, "is not", False, True, id="is not"),
        pytest.param(True, "=", "1", True, id="if-boolean-eq"),
        pytest.param(False, "contains", "true", False, id="if-boolean-contains false"),
        pytest.param(True, "empty", "", False, id="if-boolean-empty (D31)"),
        pytest.param(["a", "b"], "contains", "a", True, id="C24"),
        pytest.param([1, 2], "contains", "1", True, id="C25 (D30)"),
        pytest.param([1, 2], "contains", "x", False, id="numbers and a word"),
        pytest.param([True, True], "contains", "true", True, id="if-bools-contains"),
        pytest.param([True], "all of", ["true", "1"], True, id="booleans of a list"),
        pytest.param("a", "in", ["a", "b"], True, id="C26"),
        pytest.param(3, "in", ["3"], True, id="if-number-in (D30)"),
        pytest.param("", "in", [""], False, id="C27 in"),
        pytest.param("", "not in", [""], True, id="C27 not in"),
        pytest.param("dog", "not in", ["cat"], True, id="not in"),
        pytest.param(["a", "b"], "all of", ["a", "b"], True, id="C28"),
        pytest.param(["a", "b"], "all of", ["a", "zz"], False, id="if-strs-all-of-2"),
        pytest.param("abc", "all of", ["a", "b"], True, id="all of text"),
        pytest.param("catalog", "start with", "cat", True, id="start with"),
        pytest.param("concat", "end with", "cat", True, id="end with"),
        pytest.param({"k": "v"}, "not null", "", True, id="if-obj-not-null"),
        pytest.param(PNG, "exists", "", True, id="if-file-exists"),
        pytest.param(PNG, "empty", "", False, id="if-file-empty"),
        pytest.param([PNG], "empty", "", False, id="if-files-empty"),
    ],
)
def test_results(actual, word, value, expected):
    assert expected is holds(actual, word, value)


@pytest.mark.parametrize(
    ("actual", "word", "value", "message"),
    [
        pytest.param(5, ">", "x", "Cannot convert 'x' to number", id="C17"),
        pytest.param("5", ">", "4", "Invalid actual value type: number", id="C18"),
        pytest.param("5", "=", "5", "Invalid actual value type: number or boolean", id="C19"),
        pytest.param(5, "is", "5", "Invalid actual value type: string or boolean", id="C20"),
        pytest.param(5, "contains", "5", "Invalid actual value type: string or array", id="C21"),
        pytest.param(
            True, "is", "True", "Expecting value: line 1 column 1 (char 0)", id="C23"
        ),
        pytest.param("a", "in", "abc", "Invalid expected value type: array", id="C26"),
        pytest.param(
            3, "=", "three", "invalid literal for int() with base 10: 'three'", id="int"
        ),
        pytest.param(
            3.0, "=", "three", "could not convert string to float: 'three'", id="float"
        ),
        pytest.param(3, "=", None, "Cannot convert <class 'NoneType'> to int", id="no number"),
        pytest.param(
            True, "is", '"a"', "unexpected value: type=<class 'str'>, value=a", id="JSON text"
        ),
        pytest.param(
            True, "contains", "true", "Invalid actual value type: string or array", id="boolean"
        ),
        pytest.param(["a"], "start with", "a", "Invalid actual value type: string", id="list"),
        pytest.param(
            "a", "start with", None, "Expected value must be a string for startswith", id="start"
        ),
        pytest.param(
            "a", "end with", ["a"], "Expected value must be a string for endswith", id="end"
        ),
        pytest.param([], "all of", "", "Unsupported operator: all of", id="if-files-all-of-ext"),
        pytest.param(
            "a",
            "all of",
            ["a", True],
            "all of operator expects homogeneous list of strings or booleans",
            id="mixed",
        ),
    ],
)  # fmt: skip
def test_failures_carry_the_text_of_dify(actual, word, value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        holds(actual, word, value)


@pytest.mark.parametrize("word", OPERATORS)
def test_a_variable_that_does_not_exist_fails_every_operator(word):
    with pytest.raises(ValueError, match=r"^Variable \['start', 'nope'\] not found$"):
        evaluated([condition("nope", word, "1")], {})


def test_the_right_side_is_a_template():
    assert holds("ab", "is", "{{#start.y#}}b", y="a")


def test_there_are_twenty_one_operators():
    assert len(OPERATORS) == 21


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    st.none() | st.booleans() | st.text() | st.lists(st.text()),
)
def test_a_comparison_fails_with_a_value_error_only(word, actual, expected):
    with suppress(ValueError):
        assert isinstance(compare(actual, word, expected), bool)


# --- groups --------------------------------------------------------------------------------------


def test_an_empty_group_is_true_for_and_and_false_for_or():
    assert evaluated([], {}, match_all=True).result is True
    assert evaluated([], {}, match_all=False).result is False


def test_and_stops_at_the_first_that_is_false():
    result = evaluated([condition("x", "is", "1"), condition("nope", "is", "2")], {"x": "0"})

    assert result.result is False
    assert result.results == [False]


def test_or_stops_at_the_first_that_is_true():
    conditions = [condition(name, "is", "1") for name in ("x", "y", "nope")]

    result = evaluated(conditions, {"x": "0", "y": "1"}, match_all=False)

    assert result.result is True
    assert result.results == [False, True]
    assert result.compared == [
        {"actual_value": "0", "expected_value": "1", "comparison_operator": "is"},
        {"actual_value": "1", "expected_value": "1", "comparison_operator": "is"},
    ]


def test_logs_show_the_right_side_as_it_was_compared():
    result = evaluated([condition("b", "is", "0")], {"b": True})

    assert result.compared == [
        {"actual_value": True, "expected_value": False, "comparison_operator": "is"}
    ]


# --- files ---------------------------------------------------------------------------------------


def files_hold(word, *sub, files=(PNG, PDF), match_all=True):
    group = FileConditionGroup(tuple(FileCondition(*each) for each in sub), match_all)
    return evaluated([condition("fs", word, "", group)], {"fs": list(files)})


@pytest.mark.parametrize(
    ("word", "sub", "expected"),
    [
        pytest.param("contains", [("type", "in", ["image"])], True, id="C30"),
        pytest.param("not contains", [("type", "in", ["image"])], True, id="C31"),
        pytest.param("contains", [("name", "not contains", "x")], False, id="C32"),
        pytest.param("contains", [("size", ">", "50")], True, id="C33"),
        pytest.param("contains", [("extension", "is", "png")], True, id="C34"),
        pytest.param("all of", [("extension", "is", ".png")], True, id="all of"),
        pytest.param(
            "contains", [("name", "is", "x.png"), ("size", ">", "500")], False, id="and"
        ),
        pytest.param("contains", [], True, id="nothing asked"),
    ],
)  # fmt: skip
def test_conditions_on_files(word, sub, expected):
    result = files_hold(word, *sub)

    assert expected is result.result
    assert result.compared == []


def test_conditions_on_files_may_be_alternatives():
    sub = [("name", "start with", "zzz"), ("size", ">", "4")]

    assert files_hold("contains", *sub, match_all=False).result


@pytest.mark.parametrize(
    ("sub", "message"),
    [
        (("color", "is", "x"), "'color' is not a valid FileAttribute"),
        (
            ("extension", "in", ["png"]),
            "Expected value must be a string when key is FileAttribute.EXTENSION",
        ),
    ],
)
def test_conditions_on_files_that_cannot_be_tested(sub, message):
    with pytest.raises(ValueError, match=message):
        files_hold("contains", sub)


def test_files_need_conditions_of_their_own():
    with pytest.raises(ValueError, match=r"^Sub variable is required$"):
        holds([PNG], "contains", "")


@pytest.mark.parametrize(("word", "expected"), [("contains", False), ("not contains", True)])
def test_an_empty_list_of_files_is_a_list_like_any_other(word, expected):
    assert expected is files_hold(word, ("type", "in", ["image"]), files=()).result
