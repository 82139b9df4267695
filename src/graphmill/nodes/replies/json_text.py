"""JSON in what a model wrote: between prose, in a fence, or a little broken."""

import asyncio
import json
from typing import Final

from graphmill.nodes.replies.thinking import without_thoughts
from graphmill.variables.values import Value

MAX_TRIES: Final = 1000
"""Beginnings that are looked at; a reply with more of them is not meant as JSON."""
MAX_REPAIRED: Final = 400_000
"""Characters. Repair takes long for large texts, and those are not JSON with a slip in it."""
_DECODER: Final = json.JSONDecoder(strict=False)
_STARTS: Final = ("```json", "```", "``", "`", "{", "[")
_ENDS: Final = ("```", "``", "`", "}", "]")


class ReplyInvalid(Exception):
    """The reply is not what was asked for. `kind` is the type of error that Dify reports."""

    def __init__(self, message: str, kind: str = "OutputParserError") -> None:
        super().__init__(message)
        self.kind = kind


def first_json(text: str, opening: str) -> Value:
    """The first JSON value in `text` that begins with `opening`, a bracket; None without one."""
    position = -1
    for _ in range(MAX_TRIES):
        position = text.find(opening, position + 1)
        if position < 0:
            break
        try:
            value: Value = _DECODER.raw_decode(text, position)[0]
        except (ValueError, RecursionError):
            continue
        return value
    return None


def marked_object(text: str) -> dict[str, Value]:
    """The JSON object between the first mark of a beginning and the last of an end (`nodes §6`),
    also where it is alone in a list.

    Raises ReplyInvalid, with Dify's texts."""
    marked = _between_marks(text.strip())
    if not marked:
        raise ReplyInvalid("could not find json block in the output.", "ValueError")
    try:
        value: Value = json.loads(marked)
    except (ValueError, RecursionError) as error:
        raise ReplyInvalid(f"got invalid json object. error: {error}") from None
    if not isinstance(value, dict):
        raise ReplyInvalid(f"got invalid return object. obj:{value}")
    return value


def _between_marks(text: str) -> str:
    mark = next((mark for mark in _STARTS if mark in text), None)
    if mark is None:
        return ""
    start = text.index(mark) + (0 if mark in "{[" else len(mark))
    for mark in _ENDS:
        end = text.rfind(mark, start)
        if end >= 0:
            return text[start : end + (1 if mark in "}]" else 0)].strip()
    return ""


async def repaired_object(text: str) -> dict[str, Value]:
    """The object that a model meant to write, be it not quite JSON; of a list, its first object.

    Raises ReplyInvalid."""
    visible = without_thoughts(text)
    try:
        value = json.loads(visible)
    except (ValueError, RecursionError):
        value = await _repaired(visible)
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, dict):
            return item
    raise ReplyInvalid("structured output is missing")


async def _repaired(text: str) -> Value:
    if len(text) > MAX_REPAIRED:
        raise ReplyInvalid(f"{len(text)} characters that are not JSON")
    try:
        # In a thread, for it may take a while.
        return await asyncio.to_thread(_repair, text)
    except (ValueError, RecursionError) as error:
        raise ReplyInvalid(str(error)) from None


def _repair(text: str) -> Value:
    # Keeps start-up fast: most replies need no repair.
    from json_repair import repair_json  # noqa: PLC0415

    value: Value = json.loads(repair_json(text, skip_json_loads=True) or "null")
    return value
