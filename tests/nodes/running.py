"""Runs one node as the driver does, without a driver."""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn, cast

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Outcome, masked
from graphmill.engine.run import Run
from graphmill.nodes.base import InlineNode, NodePorts, NodeType, WaitingNode
from graphmill.nodes.registry import NODE_TYPES
from graphmill.sandbox.templates import InlineTemplates
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value


class _Unreachable:
    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"this node was not given the outside, and asks for {name!r}")


NO_PORTS = NodePorts(
    http=cast("Any", _Unreachable()),
    files=cast("Any", _Unreachable()),
    templates=InlineTemplates(),
    code=cast("Any", _Unreachable()),
    documents=cast("Any", _Unreachable()),
    models=cast("Any", _Unreachable()),
)


def build(node_type: str, data: Mapping[str, Any], ports: NodePorts = NO_PORTS) -> InlineNode:
    """The node that a file with this `data` gets."""
    kind = NODE_TYPES[node_type]
    return cast("InlineNode", kind.build("node", validated(kind, data), ports))


def validated(kind: NodeType, data: Mapping[str, Any]) -> Any:
    return kind.data.model_validate({"type": kind.name, "title": "Node", **data})


def run_node(
    node_type: str,
    data: Mapping[str, Any],
    values: Mapping[str, Mapping[str, Value]] | None = None,
    *,
    types: Mapping[Selector, str] | None = None,
    ports: NodePorts = NO_PORTS,
) -> Outcome:
    """What the node ends with when the run holds `values`, by namespace.

    Those of `start` are the inputs of the run too; `types` are declared ones."""
    return build(node_type, data, ports).run(context_of(values, types=types))


async def run_waiting_node(
    node_type: str,
    data: Mapping[str, Any],
    values: Mapping[str, Mapping[str, Value]] | None = None,
    *,
    ports: NodePorts,
    secrets: Collection[str] = (),
    has_recourse: bool = False,
) -> Outcome:
    """As `run_node`, for a node that waits; `secrets` of `env` are masked."""
    node = cast("WaitingNode", build(node_type, data, ports))
    context = context_of(values, secrets=secrets, has_recourse=has_recourse)
    outcome = await node.run(context)
    return masked(outcome, context.pool) if secrets else outcome


def context_of(
    values: Mapping[str, Mapping[str, Value]] | None,
    *,
    types: Mapping[Selector, str] | None = None,
    secrets: Collection[str] = (),
    has_recourse: bool = False,
) -> NodeContext:
    namespaces = {name: dict(group) for name, group in (values or {}).items()}
    run = Run(
        id="run-1",
        task_id="task-1",
        app_id="app-1",
        workflow_id="workflow-1",
        version="1",
        sequence_number=1,
        end_user_id="end-user-1",
        user="abc-123",
        inputs=dict(namespaces.get("start", {})),
        created_at=1795253473.25,
    )
    pool = Pool(
        {"sys": run.system_values(), **namespaces}, secrets=frozenset(secrets), types=types or {}
    )
    return NodeContext(pool, run, "execution-1", "run-1:node", has_recourse)
