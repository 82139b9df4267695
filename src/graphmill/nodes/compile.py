"""A loaded workflow to the plan that its runs share: the only way a version comes to life."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import iscoroutinefunction
from typing import Final

from graphmill.dsl.canvas import ROOT_TYPES
from graphmill.dsl.declarations import NUMBER_TYPES, parse_value
from graphmill.dsl.load import GRAPH_MODES
from graphmill.dsl.model import (
    NodeDefinition,
    Place,
    Problem,
    Severity,
    VariableDefinition,
    Workflow,
)
from graphmill.dsl.problems import did_you_mean, in_order, node_problem
from graphmill.dsl.upgrade import START_TYPES
from graphmill.engine.graph import Edge, ErrorStrategy, GraphNode, NodeClass, build_graph
from graphmill.engine.plan import Entry, Plan, Step
from graphmill.engine.streaming import ResponseStream, Segment, plan_streams
from graphmill.errors import WorkflowInvalid
from graphmill.nodes.base import Node, NodePorts, NodeType
from graphmill.nodes.recourse import read_recourse
from graphmill.nodes.registry import NODE_TYPES
from graphmill.nodes.validation import read_data
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value, type_of

_STARTS: Final = ROOT_TYPES.union(START_TYPES.values())
_SUCCESS_BRANCH: Final = "success-branch"
"""Another word for `source`; Dify has it as a constant and follows it nowhere."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A node, compiled."""

    step: Step
    stream: tuple[Segment, ...]
    """What it streams."""
    writes: frozenset[Selector]
    entry: str | None
    """Of a container: id of the node that its rounds begin at."""
    types: Mapping[Selector, str]
    """Types that its variables keep."""


def compile_plan(
    workflow: Workflow,
    ports: NodePorts,
    *,
    environment: Mapping[str, str] | None = None,
    node_types: Mapping[str, NodeType] = NODE_TYPES,
) -> Plan:
    """`environment` overrides the workflow's environment variables, by name; others are ignored.

    Raises WorkflowInvalid with every problem that keeps the workflow from running."""
    if workflow.app.mode not in GRAPH_MODES:
        raise WorkflowInvalid((_no_graph(workflow),))
    problems = list(_graph_problems(workflow))
    parts: list[_Part] = []
    for index, node in enumerate(workflow.nodes):
        with _collected(problems):
            parts.append(_compile_node(index, node, ports, node_types))
    values: dict[str, Value] = {}
    with _collected(problems):
        values = _environment(workflow, environment or {})
    if problems:
        raise WorkflowInvalid(in_order(problems))
    return _plan(workflow, parts, values)


@contextmanager
def _collected(problems: list[Problem]) -> Iterator[None]:
    """Go on after a refusal, to find what else is wrong."""
    try:
        yield
    except WorkflowInvalid as error:
        problems += error.problems


def _no_graph(workflow: Workflow) -> Problem:
    modes = " and ".join(sorted(GRAPH_MODES))
    return Problem(
        Severity.ERROR,
        "no-graph",
        f"An app of mode {workflow.app.mode.value!r} has no graph that could run",
        workflow.place,
        f"Only apps of mode {modes} run here; rebuild it as one of them in Dify.",
    )


def _graph_problems(workflow: Workflow) -> Iterator[Problem]:
    """`workflow-dsl §5.5`, with Dify's texts."""
    types = {node.id: node.type for node in workflow.nodes}
    root = workflow.root
    if not types:
        yield _graph_problem("empty-graph", "Graph must have at least one node", workflow.place)
    elif root is None:
        yield _graph_problem(
            "no-root",
            "Unable to determine default root node ID from workflow graph",
            workflow.place,
            "Add a start node.",
        )
    elif root not in types:
        message = f"Root node id {root} not found in the graph"
        yield _graph_problem("no-root", message, workflow.place)
    elif types[root] not in _STARTS:
        message = f"Root node {root!r} must declare execution type 'root'."
        yield _graph_problem("invalid-root", message, workflow.node(root).place)
    for edge in workflow.edges:
        for end, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id not in types:
                yield _graph_problem(
                    "missing-node",
                    f"Edge edge_{edge.number} references unknown {end} node {node_id!r}.",
                    edge.place,
                    did_you_mean(node_id, types) or "Remove the edge.",
                )


def _graph_problem(code: str, message: str, place: Place, hint: str = "") -> Problem:
    return Problem(Severity.ERROR, code, message, place, hint)


def _compile_node(
    index: int, node: NodeDefinition, ports: NodePorts, node_types: Mapping[str, NodeType]
) -> _Part:
    problems: list[Problem] = []
    with _collected(problems):
        recourse = read_recourse(node)
    with _collected(problems):
        node_type = _type_of(node, node_types)
        data = read_data(node, node_type.data)
        run = _build(node, node_type, data, ports).run
    if problems:
        raise WorkflowInvalid(problems)
    return _Part(
        Step(
            GraphNode(
                index,
                node.id,
                node.type,
                node.title,
                node_type.node_class,
                recourse.strategy,
                node.parent_id,
            ),
            run,
            iscoroutinefunction(run),
            recourse.retry if node_type.retries else None,
            recourse.defaults,
            extras=node_type.extras(data, ports),
        ),
        node_type.stream_template(data),
        frozenset(selector[:2] for selector in node_type.writes(data)),
        None if node_type.entry is None else node_type.entry(data),
        {(node.id, name): kept for name, kept in node_type.declares(data).items()},
    )


def _type_of(node: NodeDefinition, node_types: Mapping[str, NodeType]) -> NodeType:
    try:
        return node_types[node.type]
    except KeyError:
        # Dify's words (`workflow-dsl §5.1`), for clients see them, too.
        message = f"No class mapping found for node type: {node.type}"
        supported = f"Supported are {', '.join(sorted(node_types))}."
        hint = f"{did_you_mean(node.type, node_types)} {supported}".lstrip()
        problem = node_problem(node, "unknown-node-type", message, ("type",), hint=hint)
        raise WorkflowInvalid((problem,)) from None


def _build(node: NodeDefinition, node_type: NodeType, data: object, ports: NodePorts) -> Node:
    try:
        return node_type.build(node.id, data, ports)
    except ValueError as error:
        raise WorkflowInvalid((node_problem(node, "invalid-data", str(error)),)) from error


def _environment(workflow: Workflow, overrides: Mapping[str, str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for variable in workflow.environment:
        values[variable.name] = variable.value
        if variable.name not in overrides:
            continue
        try:
            values[variable.name] = parse_value(variable.value_type, overrides[variable.name])
        except ValueError:
            message = (
                f"The value configured for the environment variable {variable.name!r} "
                f"is no {variable.value_type}"
            )
            hint = f"Mend apps[].environment.{variable.name} in config.yaml."
            problems.append(_graph_problem("bad-environment-value", message, variable.place, hint))
    if problems:
        raise WorkflowInvalid(problems)
    return values


def _plan(workflow: Workflow, parts: Sequence[_Part], environment: dict[str, Value]) -> Plan:
    """The plan of a workflow that nothing is wrong with."""
    assert workflow.root is not None, "a graph without a root was refused"
    nodes = [part.step.node for part in parts]
    indexes = {node.id: node.index for node in nodes}
    root = indexes[workflow.root]
    graph = build_graph(
        nodes,
        _edges(workflow, nodes, indexes),
        root=root,
        inactive_roots=[indexes[node_id] for node_id in workflow.inactive_roots],
    )

    def entry(node: int, container: str | None) -> Entry:
        """The start of the frames of `container`; None is the run's."""
        inside = [part for part in parts if part.step.node.container == container]
        streams = plan_streams(graph, node, _responses(inside), writes)
        members = () if container is None else tuple(part.step.node.id for part in inside)
        return Entry(node, streams, members)

    writes = {part.step.node.index: part.writes for part in parts if part.writes}
    return Plan(
        graph=graph,
        steps=tuple(
            part.step
            if part.entry is None
            else replace(part.step, entry=entry(indexes[part.entry], part.step.node.id))
            for part in parts
        ),
        entry=entry(root, None),
        environment=environment,
        conversation={variable.name: variable.value for variable in workflow.conversation},
        secrets=frozenset(
            variable.name for variable in workflow.environment if variable.value_type == "secret"
        ),
        types={
            ("conversation", variable.name): _declared_type(variable)
            for variable in workflow.conversation
        }
        | {selector: kept for part in parts for selector, kept in part.types.items()},
    )


def _responses(parts: Iterable[_Part]) -> list[ResponseStream]:
    return [
        ResponseStream(part.step.node.index, part.step.node.id, part.stream)
        for part in parts
        if part.stream
    ]


def _declared_type(variable: VariableDefinition) -> str:
    """The run-time type that a variable keeps; a number is what its first value is."""
    if variable.value_type in NUMBER_TYPES:
        return type_of(variable.value)
    return variable.value_type


def _edges(
    workflow: Workflow, nodes: Sequence[GraphNode], indexes: Mapping[str, int]
) -> list[Edge]:
    edges = []
    for number, edge in enumerate(workflow.edges):
        source = nodes[indexes[edge.source]]
        target = indexes[edge.target]
        edges.append(Edge(number, source.index, target, _handle(edge.handle, source)))
    return edges


def _handle(handle: str, source: GraphNode) -> str:
    """The exit as the engine knows it."""
    has_fail_branch = source.error_strategy is ErrorStrategy.FAIL_BRANCH
    if handle == _SUCCESS_BRANCH and has_fail_branch and source.node_class is not NodeClass.BRANCH:
        return "source"
    return handle
