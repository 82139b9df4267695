"""What is unwise in a workflow that can be read: it may run, but hardly as its author thinks.

Dify runs all of this, so these are warnings. What keeps a file from running, reading and compiling
it tells.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from graphmill.dsl.flow import Flow, trace
from graphmill.dsl.model import (
    AppMode,
    NodeDefinition,
    Problem,
    Severity,
    Workflow,
)
from graphmill.dsl.problems import did_you_mean, in_order, node_problem
from graphmill.dsl.references import check_references
from graphmill.dsl.rules import NodeFacts, NodeRules
from graphmill.dsl.tools import ToolProvider
from graphmill.dsl.upgrade import START_TYPES

RESPONSE_TYPES: Final = frozenset({"end", "answer", "knowledge-index"})

_FAIL_BRANCH: Final = "fail-branch"


def check_workflow(
    workflow: Workflow,
    node_types: Mapping[str, NodeRules],
    *,
    packages: Collection[str] | None = (),
    has_tools: Callable[[ToolProvider], bool] | None = None,
    has_model: Callable[[str, str], bool] | None = None,
    has_dataset: Callable[[str], bool] | None = None,
) -> tuple[Problem, ...]:
    """Warnings, in the order of the file. Types that are not in `node_types` are left alone.

    `packages` are those that code may import here, `has_tools` tells whether there are those of a
    provider, `has_model` tells by provider and name whether there is a model, `has_dataset`
    by id whether there is a dataset; None when nobody knows."""
    if not workflow.nodes:
        return ()
    facts = {
        node.id: node_types[node.type].facts(node.data) if node.type in node_types else None
        for node in workflow.nodes
    }
    return in_order(
        [
            *_check_flow(workflow),
            *_check_handles(workflow, facts),
            *check_references(workflow, facts),
            *_check_environment(workflow),
            *_check_containers(workflow),
            *_check_doubts(workflow, facts),
            *_check_packages(workflow, facts, packages),
            *_check_tools(workflow, facts, has_tools),
            *_check_models(workflow, facts, has_model),
            *_check_datasets(workflow, facts, has_dataset),
            *_check_age(workflow),
        ]
    )


def _warning(
    node: NodeDefinition, code: str, message: str, *path: str | int, hint: str = ""
) -> Problem:
    return node_problem(node, code, message, path, hint=hint, severity=Severity.WARNING)


def _check_flow(workflow: Workflow) -> Iterator[Problem]:
    """Nodes that never run, and runs that say nothing."""
    flow = trace(workflow)
    nodes = {node.id: node for node in workflow.nodes}
    cyclic = {node_id for cycle in flow.cycles for node_id in cycle}
    for cycle in flow.cycles:
        yield _warning(
            nodes[cycle[0]],
            "cycle",
            f"The nodes {_listed(cycle, nodes)} wait for each other and never run",
            hint="Remove an edge of the cycle; use a loop node to repeat something.",
        )
    for node in workflow.nodes:
        if node.id in workflow.inactive_roots:
            yield _warning(
                node,
                "second-start",
                f"Runs start at {workflow.root!r}; this node and what only it leads to is skipped",
                hint="Remove one of the two.",
            )
        elif node.id not in flow.settled and node.id not in cyclic:
            yield _never_runs(node, flow, nodes)
    yield from _check_responses(workflow, flow)


def _never_runs(node: NodeDefinition, flow: Flow, nodes: Mapping[str, NodeDefinition]) -> Problem:
    if node.id not in flow.reached:
        return _warning(
            node,
            "unreachable",
            "No path leads from the start to this node, so it never runs",
            hint="Connect it, or remove it.",
        )
    return _warning(
        node,
        "never-ready",
        f"The node waits for {_listed(flow.awaited_by(node.id), nodes)}, which never runs, "
        "and so it never runs either",
        hint="Remove the edge between them.",
    )


def _listed(node_ids: Sequence[str], nodes: Mapping[str, NodeDefinition]) -> str:
    names = [repr(nodes[node_id].title or node_id) for node_id in node_ids[:10]]
    return ", ".join(names) + (", ..." if len(node_ids) > 10 else "")


def _check_responses(workflow: Workflow, flow: Flow) -> Iterator[Problem]:
    responses = frozenset(node.id for node in workflow.nodes if node.type in RESPONSE_TYPES)
    if not responses:
        wanted = "answer" if workflow.app.mode is AppMode.ADVANCED_CHAT else "end"
        yield Problem(
            Severity.WARNING,
            "missing-end",
            f"The graph has no {wanted} node, so its runs give out nothing",
            workflow.place,
            f"Connect an {wanted} node to the last node.",
        )
        return
    for node in workflow.nodes:
        is_last = node.id in flow.settled and not flow.graph.out_degree(node.id)
        if is_last and node.parent_id is None and not flow.responds(node.id, responses):
            yield _warning(
                node,
                "dead-end",
                "The path ends here without an end or answer node: its results are given to nobody",
                hint="Connect it to an end or answer node, unless it is run for its effects.",
            )


def _check_handles(workflow: Workflow, facts: Mapping[str, NodeFacts | None]) -> Iterator[Problem]:
    nodes = {node.id: node for node in workflow.nodes}
    for edge in workflow.edges:
        known = facts.get(edge.source)
        if known is None:
            continue
        node = nodes[edge.source]
        exits = _exits(node, known)
        if exits is None and edge.handle != "source":
            yield Problem(
                Severity.WARNING,
                "ignored-handle",
                f"The node has one exit, so the edge at {edge.handle!r} is always followed",
                edge.place,
                "Set its error strategy." if edge.handle == _FAIL_BRANCH else "",
                node.id,
                node.title,
            )
        elif exits is not None and edge.handle not in exits:
            others = f"Its exits are {', '.join(sorted(exits))}."
            yield Problem(
                Severity.WARNING,
                "unknown-handle",
                f"The node has no exit {edge.handle!r}, so the edge is never followed",
                edge.place,
                did_you_mean(edge.handle, exits) or others,
                node.id,
                node.title,
            )


def _exits(node: NodeDefinition, facts: NodeFacts) -> frozenset[str] | None:
    """The exits that a node chooses from; None when all its edges are followed."""
    if node.data.get("error_strategy") != _FAIL_BRANCH:
        return facts.handles
    exits = facts.handles if facts.handles is not None else frozenset({"source", "success-branch"})
    return exits | {_FAIL_BRANCH}


def _check_environment(workflow: Workflow) -> Iterator[Problem]:
    for variable in workflow.environment:
        if variable.value_type == "secret" and not variable.value:
            yield Problem(
                Severity.WARNING,
                "blank-secret",
                f"The secret {variable.name!r} has no value: Dify exports none",
                variable.place,
                f"Set apps[].environment.{variable.name} in config.yaml.",
            )


def _check_containers(workflow: Workflow) -> Iterator[Problem]:
    containers = {node.id for node in workflow.nodes if node.type in START_TYPES}
    for node in workflow.nodes:
        if node.parent_id is not None and node.parent_id not in containers:
            yield _warning(
                node,
                "unknown-container",
                f"The node is said to be inside {node.parent_id!r}, "
                "which is no iteration and no loop",
                hint="Remove its parentId.",
            )


def _check_doubts(workflow: Workflow, facts: Mapping[str, NodeFacts | None]) -> Iterator[Problem]:
    """What the types themselves find odd."""
    for node in workflow.nodes:
        known = facts.get(node.id)
        for doubt in known.doubts if known else ():
            yield _warning(node, doubt.code, doubt.message, *doubt.path, hint=doubt.hint)


def _check_packages(
    workflow: Workflow,
    facts: Mapping[str, NodeFacts | None],
    installed: Collection[str] | None,
) -> Iterator[Problem]:
    """Imports that will not be there."""
    if installed is None:
        return
    for node in workflow.nodes:
        known = facts.get(node.id)
        missing = [name for name in known.packages if name not in installed] if known else []
        if missing:
            yield _warning(
                node,
                "missing-package",
                f"The code imports {', '.join(map(repr, missing))}, which the code sandbox has not",
                "code",
                hint="Have it installed (graphmill sandbox install), name a dify-sandbox, or do "
                "without: HTTP request nodes replace HTTP libraries.",
            )


def _check_tools(
    workflow: Workflow,
    facts: Mapping[str, NodeFacts | None],
    has_tools: Callable[[ToolProvider], bool] | None,
) -> Iterator[Problem]:
    if has_tools is None:
        return
    for node in workflow.nodes:
        known = facts.get(node.id)
        for use in known.tools if known else ():
            if not has_tools(use.provider):
                name = use.provider.name or use.provider.id
                message = f"This server has no tools of {name!r}, so they fail when they are called"
                yield _warning(node, "unmapped-tool", message, *use.path, hint=use.provider.hint)


def _check_models(
    workflow: Workflow,
    facts: Mapping[str, NodeFacts | None],
    has_model: Callable[[str, str], bool] | None,
) -> Iterator[Problem]:
    if has_model is None:
        return
    for node in workflow.nodes:
        known = facts.get(node.id)
        for use in known.models if known else ():
            if not has_model(use.provider, use.name):
                yield _warning(
                    node,
                    "unmapped-model",
                    f"This server has no model {use.name!r} of {use.provider!r}, so calls fail",
                    *use.path,
                    hint="Add an entry for it to `models` in config.yaml.",
                )


def _check_datasets(
    workflow: Workflow,
    facts: Mapping[str, NodeFacts | None],
    has_dataset: Callable[[str], bool] | None,
) -> Iterator[Problem]:
    if has_dataset is None:
        return
    for node in workflow.nodes:
        known = facts.get(node.id)
        for use in known.datasets if known else ():
            if not has_dataset(use.id):
                yield _warning(
                    node,
                    "unmapped-dataset",
                    f"This server has no dataset {use.id!r}, so searches fail",
                    *use.path,
                    hint=f"Add to `knowledge` in config.yaml: {{dataset: {use.id!r}, kind: local, "
                    "name: NAME} (or kind: external, endpoint: URL).",
                )


_OLD: Final[tuple[tuple[Callable[[NodeDefinition], bool], str, str], ...]] = (
    (
        lambda node: node.type == "if-else" and not node.data.get("cases"),
        "if-else without cases is the old form",
        "Open and save the file in Dify, or write a list of cases.",
    ),
    (
        lambda node: node.type == "assigner" and "items" not in node.data,
        "An assigner without items is the old form",
        "Open and save the file in Dify, or write version: '2' and a list of items.",
    ),
)
"""Test, message and hint of what still works, but is written in another way now."""


def _check_age(workflow: Workflow) -> Iterator[Problem]:
    for node in workflow.nodes:
        for is_old, message, hint in _OLD:
            if is_old(node):
                yield _warning(node, "deprecated", message, "type", hint=hint)
