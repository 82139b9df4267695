import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.nodes.registry import NODE_TYPES
from graphmill.variables.files import File
from tests.nodes.running import build, run_node, validated

PICTURE = File("image", "remote_url", remote_url="http://h/x.png")
VALUES = {
    "conversation": {
        "text": "s", "number": 5, "float": 1.5, "flag": True, "object": {"a": 1},
        "texts": ["a"], "numbers": [1, 2], "objects": [{}], "flags": [True], "mixed": [1, "a"],
        "empty": [], "files": [PICTURE], "none": None,
    },
    "src": {
        "text": "b", "number": 1, "none": None, "texts": ["x", "y"], "numbers": [7, 8],
        "object": {"k": [1]}, "flag": False, "files": [PICTURE],
    },
}  # fmt: skip
TYPES = {("conversation", "empty"): "array[string]"}

FAILED_BY = [
    ("number", "/=", "constant", 0, "Invalid input value 0"),
    ("number", "+=", "constant", "2", "Invalid input value 2"),
    ("number", "+=", "variable", ["src", "number"],
     "Input type variable is not supported for operation +="),
    ("text", "set", "variable", ["src", "text"],
     "Input type variable is not supported for operation set"),
    ("text", "clear", "constant", "", "Input type constant is not supported for operation clear"),
    ("texts", "append", "constant", "x",
     "Input type constant is not supported for operation append"),
    ("texts", "over-write", "constant", ["x"],
     "Input type constant is not supported for operation over-write"),
    ("texts", "append", "variable", ["src", "number"], "Invalid input value 1"),
    ("texts", "extend", "variable", ["src", "numbers"], "Invalid input value [7, 8]"),
    ("empty", "append", "variable", ["src", "number"], "Invalid input value 1"),
    ("text", "append", "variable", ["src", "text"],
     "Operation append is not supported for type string"),
    ("number", "remove-first", "variable", None,
     "Operation remove-first is not supported for type integer"),
    ("text", "+=", "constant", 1, "Operation += is not supported for type string"),
    ("texts", "set", "constant", "x", "Operation set is not supported for type array[string]"),
    ("number", "over-write", "variable", ["src", "text"], "Invalid input value b"),
    ("flag", "set", "constant", "true", "Invalid input value true"),
    ("object", "set", "constant", "{bad", "Invalid input value {bad"),
    ("object", "set", "constant", "[1]", "Invalid input value [1]"),
    ("files", "append", "variable", ["src", "text"], "Invalid input value b"),
    ("none", "over-write", "variable", ["src", "text"], "Invalid input value b"),
    ("text", "over-write", "variable", ["src", "gone"], "Variable ['src', 'gone'] not found"),
    ("text", "over-write", "variable", None, "Invalid input value None"),
    ("gone", "over-write", "constant", "x", "Variable ['conversation', 'gone'] not found"),
]  # fmt: skip


def item(name, operation, value=None, input_type=None):
    return {
        "variable_selector": ["conversation", name],
        "operation": operation,
        "input_type": input_type or ("variable" if isinstance(value, list) else "constant"),
        "value": value,
        "write_mode": "over-write",
    }


def assign(*items):
    return run_node("assigner", {"version": "2", "items": list(items)}, VALUES, types=TYPES)


@pytest.mark.parametrize(
    ("name", "operation", "input_type", "value", "expected"),
    [
        ("number", "+=", "constant", 2, 7),
        ("number", "-=", "constant", 2, 3),
        ("number", "*=", "constant", 2, 10),
        ("number", "/=", "constant", 2, 2.5),
        ("float", "+=", "constant", 1, 2.5),
        ("number", "set", "constant", 2.5, 2.5),
        ("number", "over-write", "variable", ["src", "number"], 1),
        ("number", "clear", "variable", "", 0),
        ("text", "over-write", "variable", ["src", "text"], "b"),
        ("text", "over-write", "constant", "const", "const"),
        ("text", "clear", "variable", "", ""),
        ("flag", "set", "constant", False, False),
        ("flag", "clear", "variable", None, False),
        ("object", "set", "constant", '{"z": [1]}', {"z": [1]}),
        ("object", "set", "constant", {"z": 1}, {"z": 1}),
        ("object", "over-write", "variable", ["src", "object"], {"k": [1]}),
        ("object", "clear", "variable", "", {}),
        ("texts", "append", "variable", ["src", "text"], ["a", "b"]),
        ("texts", "extend", "variable", ["src", "texts"], ["a", "x", "y"]),
        ("texts", "over-write", "variable", ["src", "texts"], ["x", "y"]),
        ("texts", "remove-first", "variable", "", []),
        ("numbers", "remove-last", "variable", "", [1]),
        ("numbers", "append", "variable", ["src", "number"], [1, 2, 1]),
        ("objects", "append", "variable", ["src", "object"], [{}, {"k": [1]}]),
        ("flags", "append", "variable", ["src", "flag"], [True, False]),
        ("mixed", "append", "variable", ["src", "object"], [1, "a", {"k": [1]}]),
        ("texts", "clear", "variable", "", []),
        ("files", "clear", "variable", "", []),
        ("none", "clear", "variable", "", None),
        ("empty", "remove-first", "variable", "", []),
        ("empty", "append", "variable", ["src", "text"], ["b"]),
    ],
)
def test_operations(name, operation, input_type, value, expected):
    outcome = assign(item(name, operation, value, input_type))

    assert ((("conversation", name), expected),) == outcome.updates
    assert expected == outcome.process_data[name]


@pytest.mark.parametrize(("name", "operation", "input_type", "value", "error"), FAILED_BY)
def test_what_does_not_fit_fails_the_node(name, operation, input_type, value, error):
    outcome = assign(item(name, operation, value, input_type))

    assert isinstance(outcome, Failed)
    assert (error, "", {}) == (outcome.error, outcome.error_type, outcome.process_data)


def test_a_source_that_is_none_leaves_the_target_alone():
    outcome = assign(item("text", "over-write", ["src", "none"]))

    assert outcome.updates == ()
    assert outcome.process_data == {"__updated_variables": []}


def test_items_see_what_earlier_items_did():
    outcome = assign(
        item("number", "+=", 2),
        item("text", "clear", "", "variable"),
        item("number", "*=", 3),
        item("float", "over-write", ["conversation", "number"]),
    )

    assert outcome.updates == (
        (("conversation", "number"), 21),
        (("conversation", "text"), ""),
        (("conversation", "float"), 21),
    )


def test_one_failing_item_undoes_all():
    values = {"conversation": {"number": 1}}
    items = [item("number", "+=", 2), item("number", "/=", 0)]

    outcome = run_node("assigner", {"version": "2", "items": items}, values)

    assert isinstance(outcome, Failed)
    assert values == {"conversation": {"number": 1}}


def test_the_event_shows_the_configuration_and_every_change():
    data = {
        "version": "2",
        "title": "Asg",
        "desc": "",
        "selected": False,
        "items": [item("number", "/=", 2), item("empty", "append", ["src", "text"])],
    }

    outcome = run_node("assigner", data, VALUES, types=TYPES)

    number, empty = ["conversation", "number"], ["conversation", "empty"]
    assert outcome == Succeeded(
        {},
        {
            "title": "Asg",
            "desc": "",
            "version": "2",
            "error_strategy": None,
            "default_value": None,
            "retry_config": {"max_retries": 0, "retry_interval": 0, "retry_enabled": False},
            "items": [
                {
                    "variable_selector": number,
                    "input_type": "constant",
                    "operation": "/=",
                    "value": 2,
                },
                {
                    "variable_selector": empty,
                    "input_type": "variable",
                    "operation": "append",
                    "value": ["src", "text"],
                },
            ],
        },
        {
            "number": 2.5,
            "empty": ["b"],
            "__updated_variables": [
                {
                    "name": "number",
                    "selector": number,
                    "value_type": "integer",
                    "new_value": 2.5,
                },
                {
                    "name": "empty",
                    "selector": empty,
                    "value_type": "array[string]",
                    "new_value": ["b"],
                },
            ],
        },
        updates=((tuple(number), 2.5), (tuple(empty), ["b"])),
    )


def test_only_whole_variables_can_be_written():
    data = {"items": [{**item("object", "set", "x"), "variable_selector": ["c", "o", "k"]}]}

    outcome = run_node("assigner", data, {"c": {"o": {"k": "v"}}})

    assert outcome.error == (
        "Invalid selector: expected 2 elements (node_id, variable_name), got 3 elements"
    )


# --- version 1 -----------------------------------------------------------------------------------


def first(mode, target="text", source="text"):
    data = {
        "assigned_variable_selector": ["conversation", target],
        "write_mode": mode,
        "input_variable_selector": ["src", source],
    }
    return run_node("assigner", data, VALUES, types=TYPES)


@pytest.mark.parametrize(
    ("mode", "target", "source", "given", "expected"),
    [
        ("over-write", "number", "text", "b", "b"),
        ("over-write", "text", "none", None, None),
        ("append", "numbers", "text", "b", [1, 2, "b"]),
        ("clear", "empty", "gone", [], []),
        ("clear", "number", "text", 0, 0),
    ],
)
def test_version_1_writes_without_looking_at_types(mode, target, source, given, expected):
    outcome = first(mode, target, source)

    assert outcome.updates == ((("conversation", target), expected),)
    assert outcome.inputs == {"value": given}
    [shown] = outcome.process_data["__updated_variables"]
    assert (target, expected) == (shown["name"], shown["new_value"])


@pytest.mark.parametrize(
    ("mode", "target", "source", "message"),
    [
        ("over-write", "gone", "text", "assigned variable not found"),
        ("over-write", "text", "gone", "input value not found"),
        ("append", "text", "text", "append mode requires an array variable"),
    ],
)
def test_version_1_raises_its_failures(mode, target, source, message):
    with pytest.raises(ValueError, match=message):
        first(mode, target, source)


# --- configuration -------------------------------------------------------------------------------


def test_items_make_it_version_2_whatever_it_says():
    data = {"items": [item("number", "+=", 1)]}

    assert run_node("assigner", data, VALUES).updates == ((("conversation", "number"), 6),)


@pytest.mark.parametrize(
    "data",
    [
        {"version": "2"},
        {"version": "1"},
        {"version": "1", "assigned_variable_selector": ["c", "x"]},
        {"items": [item("number", "**=", 1)]},
    ],
    ids=["no items", "nothing", "no mode", "unknown operation"],
)
def test_configurations_that_cannot_be_run_refuse_the_version(data):
    with pytest.raises(ValueError, match=r"items|write_mode"):
        build("assigner", data)


def test_the_checker_knows_what_is_read_and_written():
    kind = NODE_TYPES["assigner"]
    second = validated(
        kind, {"items": [item("number", "+=", 1), item("text", "over-write", ["src", "text"])]}
    )
    first = validated(
        kind,
        {
            "assigned_variable_selector": ["conversation", "text"],
            "write_mode": "over-write",
            "input_variable_selector": ["src", "text"],
        },
    )

    assert kind.writes(second) == (("conversation", "number"), ("conversation", "text"))
    assert ("src", "text") in kind.reads(second)
    assert kind.writes(first) == (("conversation", "text"),)
    assert ("src", "text") in kind.reads(first)
    assert kind.output_names(first) == frozenset()
