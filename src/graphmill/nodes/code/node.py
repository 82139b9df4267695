"""code: Python or JavaScript that the author wrote, run in the sandbox (`nodes §8`)."""

import logging
from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import Field

from graphmill.dsl.rules import Doubt
from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.errors import CodeFailed, CodeUnavailable
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.nodes.code.imports import doubts_about, doubts_about_javascript, packages_of
from graphmill.nodes.code.outputs import (
    Output,
    OutputInvalid,
    OutputType,
    Schema,
    check_outputs,
    read_result,
)
from graphmill.ports.code import CodeRunner
from graphmill.variables.secrets import without_secrets
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value, without_files

logger = logging.getLogger(__name__)

EXECUTION_ERROR: Final = "CodeExecutionError"


class CodeVariable(Section):
    variable: str
    value_selector: SelectorField


class CodeOutput(Section):
    type: OutputType
    children: Mapping[str, Self] | None = None

    def declared(self) -> Output:
        return Output(self.type, None if self.children is None else _schema(self.children))


class CodeData(NodeData):
    code_language: Literal["python3", "javascript"]
    code: str
    variables: tuple[CodeVariable, ...]
    outputs: Mapping[str, CodeOutput] = Field(default_factory=dict)


def _schema(outputs: Mapping[str, CodeOutput]) -> Schema:
    return {name: output.declared() for name, output in outputs.items()}


class Code:
    def __init__(self, node_id: str, data: CodeData, runner: CodeRunner) -> None:
        self._id = node_id
        self._language = data.code_language
        self._source = data.code
        self._variables = [(each.variable, each.value_selector) for each in data.variables]
        self._schema = _schema(data.outputs)
        self._runner = runner

    async def run(self, context: NodeContext) -> Outcome:
        inputs: dict[str, Value] = {}
        for name, selector in self._variables:
            value = context.pool.find(selector)
            inputs[name] = None if isinstance(value, Missing) else value
        try:
            result = await self._runner.run(
                self._language,
                self._source,
                {name: without_files(value) for name, value in inputs.items()},
            )
        except (CodeFailed, CodeUnavailable) as error:
            if isinstance(error, CodeFailed):
                self._log(context, error.output)
            return Failed(str(error), EXECUTION_ERROR, inputs)
        self._log(context, result.output)
        if result.errors:
            # Dify takes whatever code writes to standard error for a failure; flows rely on it.
            return Failed(result.errors, EXECUTION_ERROR, inputs)
        try:
            outputs = check_outputs(read_result(result.value), self._schema)
        except OutputInvalid as error:
            return Failed(str(error), error.kind, inputs)
        return Succeeded(outputs, inputs)

    def _log(self, context: NodeContext, output: str) -> None:
        """What the code printed is for whoever looks for its mistakes; Dify drops it."""
        if output:
            text = without_secrets(output, context.pool)
            logger.info("code printed: %s", text.rstrip("\n"), extra={"node": self._id})


def _build(node_id: str, data: CodeData, ports: NodePorts) -> Code:
    return Code(node_id, data, ports.code)


def _output_names(data: CodeData) -> frozenset[str]:
    return frozenset(data.outputs)


def _doubts(data: CodeData) -> tuple[Doubt, ...]:
    python = data.code_language == "python3"
    return doubts_about(data.code) if python else doubts_about_javascript(data.code)


def _packages(data: CodeData) -> tuple[str, ...]:
    return packages_of(data.code) if data.code_language == "python3" else ()


def _reads(data: CodeData) -> tuple[Selector, ...]:
    return tuple(variable.value_selector for variable in data.variables)


CODE: Final = NodeType(
    "code",
    CodeData,
    _build,
    retries=True,
    output_names=_output_names,
    reads=_reads,
    doubts=_doubts,
    packages=_packages,
)
