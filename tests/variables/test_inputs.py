from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.errors import InvalidParameter
from graphmill.variables.file_references import FileRules
from graphmill.variables.files import File
from graphmill.variables.inputs import StartVariable, VariableType, cast_inputs, file_slots

ID = "2f7e0000-0000-4000-8000-000000000001"
MAPPING = {"type": "document", "transfer_method": "local_file", "upload_file_id": ID}
NOTES = File("document", "local_file", "a.txt", ".txt", "text/plain", 1, related_id=ID)

FORM = (
    StartVariable("name", VariableType.TEXT_INPUT, required=True, max_length=10),
    StartVariable("bio", VariableType.PARAGRAPH, default="none", max_length=30),
    StartVariable("lang", VariableType.SELECT, options=("en", "ja")),
    StartVariable("age", VariableType.NUMBER),
    StartVariable("agree", VariableType.CHECKBOX),
    StartVariable("cfg", VariableType.JSON_OBJECT),
    StartVariable("doc", VariableType.FILE, files=FileRules(("document", "image"))),
    StartVariable("docs", VariableType.FILE_LIST, max_length=2),
    StartVariable("ext", VariableType.EXTERNAL_DATA_TOOL),
)


def cast(name, value):
    return cast_inputs(FORM, {"name": "Ann", name: value})[name]


def refusal(variables, inputs):
    with pytest.raises(InvalidParameter) as caught:
        cast_inputs(variables, inputs)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("name", "", ""),
        ("name", "十文字の漢字です。", "十文字の漢字です。"),
        ("name", "1234567890", "1234567890"),
        ("name", "A\x00nn", "Ann"),
        ("bio", None, "none"),
        ("bio", "", ""),
        ("lang", "ja", "ja"),
        ("lang", None, None),
        ("age", "12", 12),
        ("age", "1.5", 1.5),
        ("age", "-3", -3),
        ("age", " 7 ", 7),
        ("age", "007", 7),
        ("age", "+4", 4),
        ("age", "1_000", 1000),
        ("age", "1.e2", 100.0),
        ("age", 2.0, 2.0),
        ("age", 10**15, 10**15),
        ("age", "", None),
        ("age", "   ", None),
        ("age", True, True),
        ("agree", True, True),
        ("agree", "False", False),
        ("agree", " YES ", True),
        ("agree", "on", True),
        ("agree", "off", False),
        ("agree", "0", False),
        ("agree", 1, True),
        ("agree", 0, False),
        ("agree", 1.0, True),
        ("cfg", {"a": {"b": [1]}}, {"a": {"b": [1]}}),
        ("cfg", {}, {}),
        ("cfg", "", ""),
        ("doc", "", None),
        ("doc", None, None),
        ("docs", "", None),
        ("docs", [], []),
        ("ext", "any\x00thing", "anything"),
        ("ext", 5, 5),
    ],
)
def test_accepted_values(name, value, expected):
    actual = cast(name, value)

    assert (expected, type(expected)) == (actual, type(actual))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("name", None, "name is required in input form"),
        ("name", 5, "(type 'text-input') name in input form must be a string"),
        ("name", {"a": 1}, "(type 'text-input') name in input form must be a string"),
        ("name", "12345678901", "name in input form must be less than 10 characters"),
        ("bio", ["x"], "(type 'paragraph') bio in input form must be a string"),
        ("bio", "x" * 31, "bio in input form must be less than 30 characters"),
        ("lang", "fr", "lang in input form must be one of the following: ['en', 'ja']"),
        ("lang", "", "lang in input form must be one of the following: ['en', 'ja']"),
        ("lang", "EN", "lang in input form must be one of the following: ['en', 'ja']"),
        ("lang", 1, "(type 'select') lang in input form must be a string"),
        ("age", "abc", "age in input form must be a valid number"),
        ("age", "1e3", "age in input form must be a valid number"),
        ("age", "1.2.3", "age in input form must be a valid number"),
        ("age", "0x10", "age in input form must be a valid number"),
        ("age", "1,5", "age in input form must be a valid number"),
        ("age", "NaN", "age in input form must be a valid number"),
        ("age", "1.e999", "age in input form must be a valid number"),
        ("age", [1], "age in input form must be a valid number"),
        ("age", {"a": 1}, "age in input form must be a valid number"),
        ("agree", "maybe", "agree in input form must be a boolean"),
        ("agree", 2, "agree in input form must be a boolean"),
        ("agree", [], "agree in input form must be a boolean"),
        ("cfg", "x", "cfg in input form must be a dict"),
        ("cfg", '{"a": 1}', "cfg in input form must be a dict"),
        ("cfg", [{"a": 1}], "cfg in input form must be a dict"),
        ("doc", "text", "doc in input form must be a file"),
        ("doc", [MAPPING], "doc in input form must be a file"),
        ("docs", MAPPING, "docs in input form must be a list of files"),
        ("docs", ["x"], "docs in input form must be a list of files"),
        ("docs", [MAPPING] * 3, "docs in input form must be less than 2 files"),
        ("ext", {"a": 1}, "Invalid input type for ['ext']"),
        ("ext", [{"a": 1}], "Invalid input type for ['ext']"),
    ],
)
def test_refused_values(name, value, message):
    assert message == refusal(FORM, {"name": "Ann", name: value})


def test_every_variable_gets_a_value_and_undeclared_inputs_vanish():
    assert cast_inputs(FORM, {"name": "x", "zzz": 1, "sys.user_id": "evil"}) == {
        "name": "x",
        "bio": "none",
        "lang": None,
        "age": None,
        "agree": None,
        "cfg": None,
        "doc": None,
        "docs": None,
        "ext": None,
    }


def test_the_first_variable_that_is_wrong_is_reported():
    assert refusal(FORM, {"age": "abc"}) == "name is required in input form"


def test_a_default_is_cast_like_a_value():
    number = StartVariable("n", VariableType.NUMBER, default="7")
    choice = StartVariable("s", VariableType.SELECT, default="z", options=("x", "y"))

    assert cast_inputs([number], {}) == {"n": 7}
    assert cast_inputs([number], {"n": 0}) == {"n": 0}
    assert refusal([choice], {}) == "s in input form must be one of the following: ['x', 'y']"


def test_a_required_variable_does_not_fall_back_to_its_default():
    variable = StartVariable("t", VariableType.TEXT_INPUT, required=True, default="d")

    assert refusal([variable], {"t": None}) == "t is required in input form"


@pytest.mark.parametrize("kind", [VariableType.FILE, VariableType.FILE_LIST])
def test_a_required_file_must_not_be_blank(kind):
    assert "must be a" in refusal([StartVariable("f", kind, required=True)], {"f": ""})


def test_zero_is_no_limit():
    variable = StartVariable("t", VariableType.TEXT_INPUT, max_length=0)

    assert cast_inputs([variable], {"t": "x" * 1000}) == {"t": "x" * 1000}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(FORM), json_values)
def test_a_value_is_cast_or_refused_and_nothing_else(variable, value):
    with suppress(InvalidParameter):
        assert [variable.name] == list(cast_inputs([variable], {variable.name: value}))


def test_files_take_the_place_of_their_mappings():
    values = cast_inputs(FORM, {"name": "x", "doc": MAPPING, "docs": [MAPPING, MAPPING]})

    for slot in file_slots(FORM, values):
        slot.fill(values, [slot.accept(reference, NOTES) for reference in slot.references])

    assert values["doc"] == NOTES
    assert values["docs"] == [NOTES, NOTES]


def test_entries_of_a_list_that_name_nothing_are_passed_over():
    incomplete = [{"type": "document"}, MAPPING, {"type": "image", "transfer_method": "remote_url"}]
    variable = StartVariable("fs", VariableType.FILE_LIST)
    values = cast_inputs([variable], {"fs": incomplete})

    [slot] = file_slots([variable], values)

    assert [reference.stored_id for reference in slot.references] == [ID]


def test_an_empty_list_stays_a_list():
    variable = StartVariable("fs", VariableType.FILE_LIST)
    values = cast_inputs([variable], {"fs": []})

    for slot in file_slots([variable], values):
        slot.fill(values, [])

    assert values == {"fs": []}


def test_a_single_file_must_be_what_it_claims_and_an_entry_of_a_list_need_not():
    claim = {**MAPPING, "type": "image"}
    values = cast_inputs(FORM, {"name": "x", "doc": claim, "docs": [claim]})
    single, listed = file_slots(FORM, values)

    assert listed.accept(listed.references[0], NOTES).type == "image"
    with pytest.raises(InvalidParameter, match="Detected file type does not match"):
        single.accept(single.references[0], NOTES)


def test_a_mapping_is_read_when_its_turn_comes():
    values = cast_inputs(FORM, {"name": "x", "doc": MAPPING, "docs": [{"transfer_method": "ftp"}]})
    slots = file_slots(FORM, values)

    assert next(slots).variable.name == "doc"
    with pytest.raises(InvalidParameter, match="No matching enum found for value 'ftp'"):
        next(slots)
