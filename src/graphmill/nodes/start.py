"""start: the form of the run (`nodes §1`). Its inputs were cast before the run began."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from graphmill.dsl.model import Workflow
from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section
from graphmill.variables.file_references import FileRules
from graphmill.variables.inputs import StartVariable, VariableType
from graphmill.variables.values import Value

SYSTEM_NAMES: Final = (
    "files",
    "user_id",
    "app_id",
    "workflow_id",
    "workflow_run_id",
    "timestamp",
)


class StartVariableData(Section):
    variable: str
    type: VariableType
    required: bool = False
    default: Any = None
    max_length: int | None = None
    options: tuple[str, ...] = ()
    allowed_file_types: tuple[str, ...] = ()
    allowed_file_extensions: tuple[str, ...] = ()
    allowed_file_upload_methods: tuple[str, ...] = ()
    json_schema: Any = None

    def build(self) -> StartVariable:
        return StartVariable(
            self.variable,
            self.type,
            required=self.required,
            default=self.default,
            max_length=self.max_length,
            options=self.options,
            files=FileRules(
                self.allowed_file_types,
                self.allowed_file_extensions,
                self.allowed_file_upload_methods,
            ),
        )


class StartData(NodeData):
    variables: tuple[StartVariableData, ...] = ()


def start_variables(workflow: Workflow) -> tuple[StartVariable, ...]:
    """The form of `workflow`; empty when it has no start node. Raises ValueError for bad data."""
    if workflow.root is None:
        return ()
    root = workflow.node(workflow.root)
    if root.type != START.name:
        return ()
    return tuple(variable.build() for variable in StartData.model_validate(root.data).variables)


ObjectCheck: TypeAlias = Callable[[Value], None]
"""Raises ValueError for a value that a `json_object` variable must not have."""


class Start:
    def __init__(self, data: StartData) -> None:
        """Raises ValueError for a `json_schema` that is no schema."""
        self._checks = tuple(
            (variable.variable, _schema_check(variable))
            for variable in data.variables
            if variable.type is VariableType.JSON_OBJECT and not _is_blank(variable.json_schema)
        )

    def run(self, context: NodeContext) -> Outcome:
        values = dict(context.run.inputs)
        for name, check in self._checks:
            check(values.get(name))
        for name, value in context.pool.namespace("sys").items():
            values[f"sys.{name}"] = value
        return Succeeded(values, values)


def _schema_check(variable: StartVariableData) -> ObjectCheck:
    # jsonschema is slow to import and few forms need it: keeps start-up fast.
    from graphmill.nodes.json_schemas import object_check  # noqa: PLC0415

    return object_check(variable.variable, variable.json_schema, required=variable.required)


def _is_blank(schema: object) -> bool:
    return schema is None or (isinstance(schema, str) and not schema.strip())


def _build(node_id: str, data: StartData, ports: NodePorts) -> Start:
    return Start(data)


def _output_names(data: StartData) -> frozenset[str]:
    return frozenset(
        [variable.variable for variable in data.variables]
        + [f"sys.{name}" for name in SYSTEM_NAMES]
    )


START: Final = NodeType(
    "start", StartData, _build, node_class=NodeClass.ROOT, output_names=_output_names
)
