"""`graphmill knowledge`, with real documents, and runs that find what it took in."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graphmill.cli.main import app
from graphmill.errors import ConfigInvalid
from tests.dsl.files import edges, node, workflow_text


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a base and two documents."""
    monkeypatch.chdir(tmp_path)
    config = {"knowledge": [{"dataset": "*", "kind": "local", "name": "handbook"}]}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    (tmp_path / "leave.md").write_text("Every employee has 28 days of leave.")
    (tmp_path / "lunch.txt").write_text("The cafeteria opens at noon.")
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["knowledge", *arguments], catch_exceptions=False)


def test_documents_are_taken_in_once_listed_and_removed() -> None:
    first = invoke("add", "handbook", "leave.md", "lunch.txt", "--metadata", "year=1999")
    assert (0, "leave.md: added\nlunch.txt: added\n") == (first.exit_code, first.stdout)
    again = invoke("add", "handbook", "leave.md", "--metadata", "year=1999")
    assert "leave.md: unchanged\n" == again.stdout
    assert "leave.md: replaced\n" == invoke("add", "handbook", "leave.md").stdout
    assert (
        "handbook: 2 documents, 2 segments\n  leave.md\n  lunch.txt (year=1999)\n"
        == invoke("list").stdout
    )
    assert "Removed 1 from handbook.\n" == invoke("remove", "handbook", "lunch.txt").stdout
    assert "handbook: 1 documents, 1 segments\n  leave.md\n" == invoke("list", "handbook").stdout
    assert "Removed 1 from handbook.\n" == invoke("remove", "handbook", "--all").stdout
    assert "" == invoke("list").stdout


def test_a_file_that_cannot_be_read_does_not_hold_up_the_others(folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"no PDF")
    result = invoke("add", "handbook", "broken.pdf", "leave.md")
    assert (1, "leave.md: added\n") == (result.exit_code, result.stdout)
    assert "broken.pdf: broken.pdf cannot be read: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("add", "handbook", "none.md"), "There is no file none.md."),
        (("add", "handbook", "leave.md", "--metadata", "year"), "'year' is not KEY=VALUE."),
        (("remove", "handbook"), "Name documents, or say --all."),
        (("remove", "handbook", "leave.md", "--all"), "Name documents, or say --all."),
    ],
)
def test_a_wrong_call_is_told(arguments: tuple[str, ...], complaint: str) -> None:
    result = invoke(*arguments)
    assert 2 == result.exit_code
    assert complaint in " ".join(result.stderr.split())


def test_removing_what_is_not_there_removes_nothing() -> None:
    invoke("add", "handbook", "leave.md")
    result = invoke("remove", "handbook", "leave.md", "other.md")
    assert (1, "handbook has no document other.md.\n") == (result.exit_code, result.stderr)
    assert "leave.md" in invoke("list").stdout


def test_a_base_that_no_workflow_could_find_takes_nothing() -> None:
    with pytest.raises(ConfigInvalid, match=r"add to `knowledge`: .*name: nope"):
        invoke("add", "nope", "leave.md")


def test_a_run_on_the_terminal_finds_what_was_taken_in(folder: Path) -> None:
    invoke("add", "handbook", "leave.md", "lunch.txt")
    question = {"variable": "q", "label": "Q", "type": "text-input", "required": True}
    nodes = [
        node("start", "start", title="Start", variables=[question]),
        node(
            "search",
            "knowledge-retrieval",
            title="Search",
            query_variable_selector=["start", "q"],
            dataset_ids=["enc=="],
            retrieval_mode="multiple",
            multiple_retrieval_config={"top_k": 1},
        ),
        node(
            "text",
            "template-transform",
            title="Text",
            template="{{ found[0].title }}: {{ found[0].content }}",
            variables=[{"variable": "found", "value_selector": ["search", "result"]}],
        ),
        node(
            "end",
            "end",
            title="End",
            outputs=[{"variable": "answer", "value_selector": ["text", "output"]}],
        ),
    ]
    (folder / "ask.yml").write_text(
        workflow_text(nodes, edges("start>search", "search>text", "text>end"))
    )
    result = CliRunner().invoke(app, ["run", "ask.yml", "-i", "q=When does the cafeteria open?"])
    assert (0, "answer: lunch.txt: The cafeteria opens at noon.\n") == (
        result.exit_code,
        result.stdout,
    )
