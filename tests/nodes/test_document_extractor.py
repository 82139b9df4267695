from dataclasses import replace

import pytest

from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.errors import DocumentUnreadable
from graphmill.nodes.registry import NODE_TYPES
from graphmill.variables.files import File
from graphmill.variables.values import Value
from tests.nodes.running import NO_PORTS, run_waiting_node

CONFIG = {"variable_selector": ["start", "f"], "is_array_file": False}
INPUTS = {"variable_selector": ["start", "f"]}
FIRST = File("document", "local_file", "a.txt", ".txt", "text/plain", 5, related_id="1")
SECOND = File("document", "local_file", "b.txt", ".txt", "text/plain", 2, related_id="2")
BROKEN = File("document", "local_file", "c.pdf", ".pdf", "application/pdf", 2, related_id="3")


class Texts:
    """`ports.DocumentReader`: the name of a file is its text."""

    async def text_of(self, file: File) -> str:
        if file == BROKEN:
            raise DocumentUnreadable("Failed to extract text from PDF: why")
        return file.filename or ""


async def extract(value: Value) -> Outcome:
    ports = replace(NO_PORTS, documents=Texts())
    return await run_waiting_node(
        "document-extractor", CONFIG, {"start": {"f": value}}, ports=ports
    )


@pytest.mark.parametrize(
    ("value", "text", "documents"),
    [
        pytest.param(FIRST, "a.txt", [FIRST], id="one file"),
        pytest.param([SECOND, FIRST], ["b.txt", "a.txt"], [SECOND, FIRST], id="files in order"),
        pytest.param([FIRST, None], ["a.txt"], [FIRST], id="nothing in a list is skipped"),
        pytest.param([], [], [], id="no files"),
    ],
)
async def test_files_become_text(value: Value, text: Value, documents: list[Value]) -> None:
    expected = Succeeded({"text": text}, INPUTS, {"documents": documents})
    assert expected == await extract(value)


async def test_one_unreadable_document_fails_the_whole_list() -> None:
    expected = Failed(
        "Failed to extract text from PDF: why",
        inputs=INPUTS,
        process_data={"documents": [FIRST, BROKEN]},
    )
    assert expected == await extract([FIRST, BROKEN])


@pytest.mark.parametrize(
    "value", ["text", 5, ["text"], [FIRST, "text"], {"a": 1}], ids=lambda value: repr(value)[:20]
)
async def test_what_is_no_file_fails_without_inputs(value: Value) -> None:
    expected = Failed("Variable ['start', 'f'] is not an ArrayFileSegment")
    assert expected == await extract(value)


async def test_an_optional_file_that_was_not_sent_fails() -> None:
    expected = Failed(
        "Unsupported variable type: <class 'NoneType'>",
        inputs=INPUTS,
        process_data={"documents": [None]},
    )
    assert expected == await extract(None)


async def test_a_missing_variable_fails() -> None:
    outcome = await run_waiting_node("document-extractor", CONFIG, ports=NO_PORTS)
    assert Failed("File variable not found for selector: ['start', 'f']") == outcome


def test_the_checker_knows_what_it_reads_and_makes() -> None:
    kind = NODE_TYPES["document-extractor"]
    facts = kind.facts({"type": kind.name, "title": "Node", **CONFIG})
    assert facts is not None
    assert ({"text"}, (("start", "f"),)) == (facts.outputs, facts.reads)
