"""Types whose slots follow from a workflow, and values on their way in and out
(`nextcloud-ocs §19.4`)."""

from pathlib import Path
from typing import Any

import pytest

from graphmill.service.services import Services
from graphmill.service.tasks.conversion import run_inputs, task_output
from graphmill.service.tasks.offers import Offer, WorkflowBacking
from graphmill.service.tasks.workflow_types import published
from graphmill.variables.files import File
from tests.dsl.files import edges, node, workflow_text
from tests.service.world import app_of, opened


def variable(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"variable": name, "label": name.upper(), "type": kind, "required": True, **more}


def files(name: str, kind: str, *types: str) -> dict[str, Any]:
    return variable(name, kind, allowed_file_types=list(types))


FORM = [
    variable("text", "paragraph", hint="say something"),
    variable("short", "text-input", default="d"),
    variable("number", "number", required=False, default=3),
    variable("choice", "select", options=["a", "b"], required=False),
    variable("switch", "checkbox", required=False, default=True),
    variable("object", "json_object", required=False),
    files("image", "file", "image"),
    files("sounds", "file-list", "audio"),
    files("movie", "file", "video"),
    files("paper", "file", "document", "image"),
]
OUTPUTS = {
    "string": "Text",
    "number": "Number",
    "object": "Text",
    "boolean": "Text",
    "array[string]": "ListOfTexts",
    "array[number]": "ListOfNumbers",
    "array[object]": "Text",
    "file": "File",
    "array[file]": "ListOfFiles",
}


def end(node_id: str, *types: str) -> dict[str, Any]:
    outputs = [
        {"variable": each, "value_selector": ["start", "text"], "value_type": each}
        for each in types
    ]
    return node(node_id, "end", title="End", outputs=outputs)


def branch() -> dict[str, Any]:
    condition = {
        "variable_selector": ["start", "text"],
        "comparison_operator": "is",
        "value": "x",
        "id": "c",
    }
    case = {"case_id": "yes", "logical_operator": "and", "conditions": [condition]}
    return node("if", "if-else", title="If", cases=[case])


async def offer_of(folder: Path, text: str) -> Offer:
    (folder / "w.yml").write_text(text)
    async with opened(folder, {"workflow": "w.yml"}) as services:
        return _published(services)


def _published(services: Services) -> Offer:
    app = app_of(services, "w")
    return published(app, app.published_version())


@pytest.fixture
async def offer(tmp_path: Path) -> Offer:
    nodes = [node("start", "start", title="Start", variables=FORM), end("end", *OUTPUTS)]
    return await offer_of(tmp_path, workflow_text(nodes, edges("start>end")))


def backing_of(offer: Offer) -> WorkflowBacking:
    assert isinstance(offer.backing, WorkflowBacking)
    return offer.backing


async def test_form_becomes_slots(offer: Offer) -> None:
    expected = {
        "text": "Text",
        "short": "Text",
        "image": "Image",
        "sounds": "ListOfAudios",
        "movie": "Video",
        "paper": "File",
    }
    assert expected == {key: slot.type for key, slot in offer.type.inputs.items()}
    optional = {"number": "Number", "choice": "Enum", "switch": "Enum", "object": "Text"}
    assert optional == {key: slot.type for key, slot in offer.type.optional_inputs.items()}
    slots = {**offer.type.inputs, **offer.type.optional_inputs}
    defaults = {key: slot.default for key, slot in slots.items() if slot.default is not None}
    assert {"short": "d", "number": 3, "switch": "true"} == defaults
    assert ["a", "b"] == list(slots["choice"].choices)
    assert ("TEXT", "say something") == (slots["text"].name, slots["text"].description)


async def test_outputs_become_slots(offer: Offer) -> None:
    assert OUTPUTS == {key: str(slot.type) for key, slot in offer.type.outputs.items()}


async def test_output_of_one_branch_is_optional(tmp_path: Path) -> None:
    start = node("start", "start", title="Start", variables=FORM[:1])
    nodes = [start, branch(), end("one", "string", "number"), end("two", "string")]
    text = workflow_text(nodes, edges("start>if", "if:yes>one", "if:false>two"))
    task_type = (await offer_of(tmp_path, text)).type
    assert (["string"], ["number"]) == (list(task_type.outputs), list(task_type.optional_outputs))


async def describe(number: int) -> dict[str, Any]:
    return {"file": number}


async def number_of(file: File) -> int:
    return int(file.related_id or 0)


async def test_slots_become_inputs(offer: Offer) -> None:
    values = {
        "text": "t",
        "number": "1.5",
        "switch": "false",
        "object": '{"a": 1}',
        "image": "7",
        "sounds": [8, 9.0],
    }
    expected = {
        "text": "t",
        "number": 1.5,
        "switch": "false",
        "object": {"a": 1},
        "image": {"file": 7},
        "sounds": [{"file": 8}, {"file": 9}],
    }
    assert expected == await run_inputs(offer.type, backing_of(offer), values, describe)


async def test_lists_of_texts_come_to_a_paragraph_as_json(offer: Offer) -> None:
    inputs = await run_inputs(offer.type, backing_of(offer), {"text": ["a", "b"]}, describe)
    assert {"text": '["a","b"]'} == inputs


async def test_outputs_of_a_run_become_those_of_the_task(offer: Offer) -> None:
    file = File("image", "tool_file", related_id="7")
    outputs = {
        "string": "s",
        "number": 1.5,
        "object": {"a": [1]},
        "boolean": True,
        "array[string]": ["a", 1],
        "array[number]": [1, 2],
        "array[object]": None,
        "file": [file],
        "array[file]": [file, file],
    }
    expected = {
        "string": "s",
        "number": 1.5,
        "object": '{"a":[1]}',
        "boolean": "true",
        "array[string]": ["a", "1"],
        "array[number]": [1, 2],
        "file": 7,
        "array[file]": [7, 7],
    }
    assert expected == await task_output(offer.type, backing_of(offer), outputs, number_of)
