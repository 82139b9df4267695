import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.nodes.registry import NODE_TYPES
from graphmill.variables.files import File
from tests.nodes.running import run_node, validated

OFF = {"enabled": False}
WORDS = ["pear", "apple", "", "fig", "Apple", "grape"]
NUMBERS = [3, 1, 2.5, 2, 10, -1]
FILES = [
    File("document", "local_file", "b.txt", ".txt", "text/plain", 5, related_id="1"),
    File("document", "local_file", "a.md", ".md", "text/markdown", 2, related_id="2"),
    File("image", "remote_url", "c.png", ".png", "image/png", 70, remote_url="http://h/c.png"),
]


def config(*conditions, extract=None, order=None, limit=None):
    return {
        "variable": ["start", "l"],
        "filter_by": {
            "enabled": bool(conditions),
            "conditions": [
                {"key": key, "comparison_operator": word, "value": value}
                for key, word, value in conditions
            ],
        },
        "extract_by": OFF if extract is None else {"enabled": True, "serial": extract},
        "order_by": OFF if order is None else {"enabled": True, "key": order[0], "value": order[1]},
        "limit": OFF if limit is None else {"enabled": True, "size": limit},
        "var_type": "array[string]",
        "item_var_type": "string",
    }


def operate(items, *conditions, **steps):
    values = {"start": {"l": items, "x": "p", "n": "3"}}
    return run_node("list-operator", config(*conditions, **steps), values)


def result(items, *conditions, **steps):
    return operate(items, *conditions, **steps).outputs["result"]


@pytest.mark.parametrize(
    ("word", "value", "expected"),
    [
        ("contains", "{{#start.x#}}", ["pear", "apple", "Apple", "grape"]),
        ("not contains", "p", ["", "fig"]),
        ("start with", "p", ["pear"]),
        ("end with", "e", ["apple", "Apple", "grape"]),
        ("is", "fig", ["fig"]),
        ("is not", "fig", ["pear", "apple", "", "Apple", "grape"]),
        ("in", "figgy apple", ["apple", "", "fig"]),
        ("not in", "figgy apple", ["pear", "Apple", "grape"]),
        ("empty", "", [""]),
        ("not empty", "", ["pear", "apple", "fig", "Apple", "grape"]),
    ],
)
def test_texts_can_be_filtered(word, value, expected):
    assert expected == result(WORDS, ("", word, value))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("=", [2]),
        ("≠", [3, 1, 2.5, 10, -1]),
        ("<", [1, -1]),
        (">", [3, 2.5, 10]),
        ("≤", [1, 2, -1]),
        ("≥", [3, 2.5, 2, 10]),
    ],
)
def test_numbers_can_be_filtered(word, expected):
    assert expected == result(NUMBERS, ("", word, "2"))


@pytest.mark.parametrize(("word", "expected"), [("is", [True, True]), ("is not", [False])])
def test_booleans_can_be_filtered(word, expected):
    assert expected == result([True, False, True], ("", word, True))


@pytest.mark.parametrize(
    ("key", "word", "value", "expected"),
    [
        ("name", "start with", "a", ["a.md"]),
        ("extension", "is", ".txt", ["b.txt"]),
        ("mime_type", "contains", "text", ["b.txt", "a.md"]),
        ("url", "empty", "", ["b.txt", "a.md"]),
        ("url", "contains", "h/c", ["c.png"]),
        ("related_id", "empty", "", ["c.png"]),
        ("type", "in", ["document"], ["b.txt", "a.md"]),
        ("type", "not in", ["document"], ["c.png"]),
        ("type", "in", "image or so", ["c.png"]),
        ("transfer_method", "in", ["remote_url"], ["c.png"]),
        ("size", "≥", "5", ["b.txt", "c.png"]),
    ],
)
def test_files_can_be_filtered(key, word, value, expected):
    assert expected == [file.filename for file in result(FILES, (key, word, value))]


def test_conditions_apply_one_after_the_other():
    assert result(NUMBERS, ("", ">", "1"), ("", "<", "5")) == [3, 2.5, 2]


@pytest.mark.parametrize(
    ("items", "order", "expected"),
    [
        (WORDS, ("", "asc"), ["", "Apple", "apple", "fig", "grape", "pear"]),
        (NUMBERS, (None, "desc"), [10, 3, 2.5, 2, 1, -1]),
        ([True, False], ("", "asc"), [False, True]),
    ],
)
def test_lists_can_be_ordered(items, order, expected):
    assert expected == result(items, order=order)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (("name", "asc"), ["a.md", "b.txt", "c.png"]),
        (("size", "desc"), ["c.png", "b.txt", "a.md"]),
        (("type", "desc"), ["c.png", "b.txt", "a.md"]),
        (("related_id", "asc"), ["c.png", "b.txt", "a.md"]),
    ],
)
def test_files_can_be_ordered(order, expected):
    assert expected == [file.filename for file in result(FILES, order=order)]


@pytest.mark.parametrize(
    ("size", "expected"), [(0, []), (2, ["pear", "apple"]), (-1, WORDS[:-1]), (99, WORDS)]
)
def test_the_limit_is_a_slice(size, expected):
    assert expected == result(WORDS, limit=size)


def test_filter_comes_first_then_extract_then_order_then_limit():
    steps = {"extract": "2", "order": ("", "desc"), "limit": 1}

    assert result(["c", "a", "b", "aa"], ("", "not contains", "c"), **steps) == ["b"]


def test_the_result_has_a_first_and_a_last_record():
    outcome = operate(["b", "a", "ab", ""], ("", "contains", "a"))

    shown = {"variable": ["b", "a", "ab", ""]}
    assert outcome == Succeeded(
        {"result": ["a", "ab"], "first_record": "a", "last_record": "ab"}, shown, shown
    )


def test_the_number_to_extract_is_a_template():
    assert operate(NUMBERS, extract="{{#start.n#}}").outputs == {
        "result": [2.5],
        "first_record": 2.5,
        "last_record": 2.5,
    }


@pytest.mark.parametrize("nothing", [[], None, ""])
def test_nothing_gives_an_empty_list(nothing):
    shown = {"variable": []}

    assert operate(nothing, ("", "contains", "x"), extract="5") == Succeeded(
        {"result": [], "first_record": None, "last_record": None}, shown, shown
    )


@pytest.mark.parametrize(
    ("items", "condition", "steps", "error"),
    [
        (NUMBERS, ("", "contains", "2"), {}, "Invalid condition: contains"),
        (WORDS, ("", ">", "2"), {}, "Invalid condition: >"),
        (WORDS, ("", "in", ["a"]), {}, "Invalid filter value: ['a']"),
        (FILES, ("color", "is", "x"), {}, "Invalid key: color"),
        (FILES, ("name", "in", ["a"]), {}, "Invalid filter value: ['a']"),
        (FILES, ("type", "is", "image"), {}, "Invalid condition: is"),
        (
            WORDS,
            ("", "is not", "zz"),
            {"extract": "9"},
            "Invalid serial index: must be <= 6, got 9",
        ),
        (FILES, ("size", ">", "0"), {"order": ("color", "asc")}, "Invalid order key: color"),
    ],
)
def test_failures_that_show_the_list(items, condition, steps, error):
    shown = {"variable": items}

    assert Failed(error, "", shown, shown) == operate(items, condition, **steps)


@pytest.mark.parametrize(
    ("items", "condition", "steps", "error"),
    [
        (NUMBERS, ("", ">", "abc"), {}, "could not convert string to float: 'abc'"),
        ([True], ("", "is", "true"), {}, "boolean"),
        (
            NUMBERS,
            ("", ">", "0"),
            {"extract": "0"},
            "Invalid serial index: must be >= 1, got 0",
        ),
        (NUMBERS, ("", ">", "0"), {"extract": "x"}, r"invalid literal for int\(\)"),
    ],
)
def test_failures_that_are_raised(items, condition, steps, error):
    with pytest.raises(ValueError, match=error):
        operate(items, condition, **steps)


@pytest.mark.parametrize(
    ("items", "kind"), [("text", "string"), ([{"a": 1}], "array[object]"), ([1, "a"], "array[any]")]
)
def test_other_values_are_no_lists_for_it(items, kind):
    assert operate(items) == Failed(
        f"Variable ['start', 'l'] is not an array type, actual type: {kind}"
    )


def test_a_list_that_does_not_exist_fails_the_node():
    data = {**config(), "variable": ["ghost", "x"]}

    assert run_node("list-operator", data) == Failed(
        "Variable not found for selector: ['ghost', 'x']"
    )


def test_the_checker_knows_what_is_read_and_given_out():
    kind = NODE_TYPES["list-operator"]
    data = validated(kind, config(("", "is", "{{#n.x#}}"), extract="{{#n.y#}}"))

    assert kind.reads(data) == (("start", "l"), ("n", "x"), ("n", "y"))
    assert kind.output_names(data) == {"result", "first_record", "last_record"}
