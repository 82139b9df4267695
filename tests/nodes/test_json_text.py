"""JSON in what models write."""

import json

import pytest

from graphmill.nodes.replies.json_text import (
    MAX_REPAIRED,
    ReplyInvalid,
    first_json,
    marked_object,
    repaired_object,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Here: {"a": 1} bye', {"a": 1}),
        ('{broken} then {"a": {"b": [2]}}', {"a": {"b": [2]}}),
        ('```json\n{"a": "x\ny"}\n```', {"a": "x\ny"}),
        ('[{"a": 1}]', {"a": 1}),
        ("nothing", None),
        ('{"a": ', None),
        ("{" * 100_000, None),
        ('{"a":' * 5_000, None),
    ],
    ids=["prose", "later", "fence", "list", "none", "cut off", "braces", "deep"],
)
def test_the_first_object_is_found(text, found):
    assert found == first_json(text, "{")


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "2"}',
        'Sure!\n```json\n{"id": "2"}\n```\nDone.',
        '`{"id": "2"}`',
        'I say {"id": "2"} and stay with it',
        '[{"id": "2"}]',
    ],
    ids=["bare", "fence", "ticks", "prose", "list of one"],
)
def test_an_object_between_marks_is_read(text):
    assert {"id": "2"} == marked_object(text)


@pytest.mark.parametrize(
    ("text", "message", "kind"),
    [
        ("no idea", "could not find json block in the output.", "ValueError"),
        ("", "could not find json block in the output.", "ValueError"),
        ('{"id": "2", "na', "could not find json block in the output.", "ValueError"),
        ("{id: 2}", "got invalid json object. error: ", "OutputParserError"),
        ('[{"a": 1}, {"b": 2}]', "got invalid json object. error: ", "OutputParserError"),
        ("[1, 2]", "got invalid return object. obj:[1, 2]", "OutputParserError"),
        ("[" * 9999 + "]" * 9999, "got invalid json object. error: ", "OutputParserError"),
    ],
    ids=["prose", "empty", "cut off", "broken", "list of two", "numbers", "deep"],
)
def test_what_is_no_object_is_refused_in_dify_s_words(text, message, kind):
    with pytest.raises(ReplyInvalid) as error:
        marked_object(text)

    assert (True, kind) == (str(error.value).startswith(message), error.value.kind)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ann"}',
        '```json\n{"name": "Ann"}\n```',
        'Result: {"name": "Ann"}',
        "{name: 'Ann',}",
        '[1, {"name": "Ann"}]',
        '<think>maybe {"name": "Bob"}</think>{"name": "Ann"}',
        '{"name": "Ann"',
    ],
    ids=["json", "fence", "prose", "not quite", "list", "thoughts", "cut off"],
)
async def test_an_object_is_repaired(text):
    assert {"name": "Ann"} == await repaired_object(text)


@pytest.mark.parametrize(
    "text",
    ["", "no idea", "[1, 2]", '"x"', "x" * (MAX_REPAIRED + 1), "[" * 5000],
    ids=["empty", "prose", "numbers", "text", "large", "deep"],
)
async def test_what_cannot_be_repaired_is_refused(text):
    with pytest.raises(ReplyInvalid):
        await repaired_object(text)


async def test_a_large_reply_that_is_json_needs_no_repair():
    value = {"text": "x" * (MAX_REPAIRED * 2)}

    assert value == await repaired_object(json.dumps(value))
