"""code: what it hands in, and what becomes of what comes back (`nodes §8`)."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.errors import CodeFailed, CodeUnavailable
from graphmill.nodes.base import NodePorts
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.code import CodeResult
from graphmill.sandbox.fork_server import ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.variables.files import File
from graphmill.variables.values import Value
from tests.nodes.running import NO_PORTS, run_waiting_node, validated

NOTES = File("document", "local_file", "notes.txt", ".txt", "text/plain", 11, related_id="f-1")


class Scripted:
    """`ports.CodeRunner` that always ends the same way, and remembers what it was given."""

    def __init__(self, end: CodeResult | Exception) -> None:
        self._end = end
        self.calls: list[tuple[str, str, Mapping[str, Value]]] = []

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        self.calls.append((language, source, inputs))
        if isinstance(self._end, Exception):
            raise self._end
        return self._end


def returning(value: Value, **printed: str) -> Scripted:
    return Scripted(CodeResult(value, **printed))


def ports(runner: Scripted | ForkServer) -> NodePorts:
    return replace(NO_PORTS, code=runner)


def code(
    source: str = "", *, language: str = "python3", outputs: Any = None, **selectors: Any
) -> dict[str, Any]:
    return {
        "code_language": language,
        "code": source,
        "variables": [
            {"variable": name, "value_selector": selector} for name, selector in selectors.items()
        ],
        "outputs": {"v": {"type": "string"}} if outputs is None else outputs,
    }


async def test_code_is_given_its_variables_and_none_for_missing_ones() -> None:
    runner = returning({"v": "x"})
    data = code("the source", language="javascript", a=["start", "a"], b=["start", "gone"])
    outcome = await run_waiting_node("code", data, {"start": {"a": [1]}}, ports=ports(runner))
    assert [("javascript", "the source", {"a": [1], "b": None})] == runner.calls
    assert Succeeded({"v": "x"}, {"a": [1], "b": None}) == outcome


async def test_code_sees_files_as_mappings_and_the_record_keeps_them() -> None:
    runner = returning({"v": ""})
    data = code(f=["start", "f"], fs=["start", "fs"])
    values: dict[str, Value] = {"f": NOTES, "fs": [NOTES]}
    outcome = await run_waiting_node("code", data, {"start": values}, ports=ports(runner))
    assert Succeeded({"v": ""}, values) == outcome
    ((_, _, given),) = runner.calls
    seen = given["f"]
    assert isinstance(seen, dict)
    assert [seen] == given["fs"]
    assert ("notes.txt", "document", 11) == (seen["filename"], seen["type"], seen["size"])
    assert {"url", "remote_url", "tenant_id", "related_id"} < seen.keys()


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(CodeFailed("NameError: name 'x' is not defined"), id="the author's fault"),
        pytest.param(CodeUnavailable("The code sandbox is busy. Try again later."), id="not his"),
    ],
)
async def test_code_that_gives_no_result_fails_the_node(failure: Exception) -> None:
    data = code(a=["start", "a"])
    outcome = await run_waiting_node(
        "code", data, {"start": {"a": 1}}, ports=ports(Scripted(failure))
    )
    assert Failed(str(failure), "CodeExecutionError", {"a": 1}) == outcome


async def test_anything_on_standard_error_fails_the_node() -> None:
    runner = returning({"v": "fine"}, output="out", errors="a warning\n")
    outcome = await run_waiting_node("code", code(), ports=ports(runner))
    assert Failed("a warning\n", "CodeExecutionError", {}) == outcome


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(CodeResult({"v": "x"}, "so far s3cret\n"), id="a result"),
        pytest.param(CodeFailed("no", output="so far s3cret\n"), id="a failure"),
    ],
)
async def test_prints_go_to_the_log_without_secrets(
    end: CodeResult | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    values: dict[str, dict[str, Value]] = {"env": {"key": "s3cret"}}
    runner = ports(Scripted(end))
    await run_waiting_node("code", code(), values, ports=runner, secrets={"key"})
    (record,) = caplog.records
    assert record.getMessage().startswith("code printed: so far ")
    assert "s3cret" not in record.getMessage()
    assert "node" == record.__dict__["node"]


@pytest.mark.parametrize(
    ("value", "error", "kind"),
    [
        pytest.param([1], "Result must be a dict, got list", "CodeExecutionError", id="list"),
        pytest.param(None, "Result must be a dict, got NoneType", "CodeExecutionError", id="None"),
        pytest.param({"w": 1}, "Output v is missing.", "OutputValidationError", id="missing"),
        pytest.param(
            {"v": "", "w": 1},
            "Not all output parameters are validated.",
            "CodeNodeError",
            id="too many",
        ),
    ],
)
async def test_a_result_that_was_not_declared_fails_the_node(
    value: Value, error: str, kind: str
) -> None:
    outcome = await run_waiting_node("code", code(), ports=ports(returning(value)))
    assert Failed(error, kind, {}) == outcome


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"code_language": "ruby"}, id="language"),
        pytest.param({"outputs": {"v": {"type": "file"}}}, id="type of an output"),
        pytest.param(
            {"outputs": {"v": {"type": "object", "children": {"w": {"type": "x"}}}}},
            id="type inside an object",
        ),
        pytest.param({"code": ["x"]}, id="source"),
        pytest.param({"variables": [{"variable": "a"}]}, id="variable without a selector"),
    ],
)
def test_data_that_cannot_be_run_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validated(NODE_TYPES["code"], {**code(), **changes})


def test_a_code_node_says_what_it_reads_and_makes() -> None:
    kind = NODE_TYPES["code"]
    data = validated(kind, code(a=["start", "a"], b=["n", "o", "k"]))
    assert (("start", "a"), ("n", "o", "k")) == kind.reads(data)
    assert kind.output_names is not None
    assert frozenset({"v"}) == kind.output_names(data)
    assert kind.retries


@pytest.mark.parametrize(
    ("language", "source"),
    [
        pytest.param("python3", "def main(a): return {'v': a.upper()}", id="Python"),
        pytest.param("javascript", "function main({a}) { return {v: a.toUpperCase()} }", id="JS"),
    ],
)
async def test_real_code_runs(language: str, source: str) -> None:
    server = ForkServer(CodeLimits())
    data = code(source, language=language, a=["start", "a"])
    try:
        outcome = await run_waiting_node("code", data, {"start": {"a": "é"}}, ports=ports(server))
    finally:
        await server.close()
    assert Succeeded({"v": "É"}, {"a": "é"}) == outcome
