"""Workflows in the shorthand of `workflow-dsl §19.1`, built without a file.

    plan = sketch("start>a a>e", C("a"), E("e", x="a.r"))

Nodes are scripted: they do what the shorthand says and nothing else. `a:h>b` is an edge with handle
`h`; the start node is always there.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import (
    Edge,
    ErrorStrategy,
    Graph,
    GraphNode,
    NodeClass,
    build_graph,
)
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.plan import Entry, Plan, Step
from graphmill.engine.retry import RetryPolicy
from graphmill.engine.streaming import ResponseStream, Segment, plan_streams
from graphmill.engine.usage import Usage
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value, render_markdown

ERR: Final = "ValueError: boom"
ETYPE: Final = "CodeExecutionError"


@dataclass(frozen=True, slots=True)
class Scripted:
    id: str
    type: str
    run: Callable[[NodeContext], Any]
    waits: bool = False
    node_class: NodeClass = NodeClass.EXECUTABLE
    segments: tuple[Segment, ...] = ()
    writes: frozenset[Selector] = frozenset()
    error_strategy: ErrorStrategy | None = None
    defaults: dict[str, Value] | None = None
    retry: RetryPolicy | None = None


def sketch(edges: str, *nodes: Scripted, conversation: Mapping[str, Value] | None = None) -> Plan:
    """A plan of the start node and `nodes`, in that order."""
    scripts = (START, *nodes)
    graph = draw(edges, *(_graph_node(index, script) for index, script in enumerate(scripts)))
    responses = [
        ResponseStream(index, script.id, script.segments)
        for index, script in enumerate(scripts)
        if script.node_class is NodeClass.RESPONSE
    ]
    writes = {index: script.writes for index, script in enumerate(scripts) if script.writes}
    return Plan(
        graph=graph,
        steps=tuple(
            Step(graph.nodes[index], script.run, script.waits, script.retry, script.defaults)
            for index, script in enumerate(scripts)
        ),
        entry=Entry(0, plan_streams(graph, 0, responses, writes)),
        environment={},
        conversation=dict(conversation or {}),
        secrets=frozenset(),
    )


def draw(edges: str, *nodes: GraphNode, root: int = 0, inactive_roots: Sequence[int] = ()) -> Graph:
    """A graph from `a>b a:handle>b`."""
    numbers = {node.id: node.index for node in nodes}
    drawn = []
    for index, edge in enumerate(edges.split()):
        source, target = edge.split(">")
        source, _, handle = source.partition(":")
        drawn.append(Edge(index, numbers[source], numbers[target], handle or "source"))
    return build_graph(nodes, drawn, root=root, inactive_roots=inactive_roots)


def _graph_node(index: int, script: Scripted) -> GraphNode:
    return GraphNode(
        index, script.id, script.type, script.id, script.node_class, script.error_strategy
    )


def selector(dotted: str) -> Selector:
    return tuple(dotted.split("."))


def look_up(pool: Pool, dotted: str) -> Value:
    """None for what is not there, as an end node gives it."""
    found = pool.find(selector(dotted))
    return None if isinstance(found, Missing) else found


def node(node_id: str, run: Callable[[NodeContext], Any], **more: Any) -> Scripted:
    return Scripted(node_id, more.pop("type", "scripted"), run, **_strategy(more))


def _strategy(more: dict[str, Any]) -> dict[str, Any]:
    """`default={...}` and `fail_branch=True` as the fields they stand for."""
    default = more.pop("default", None)
    if default is not None:
        more |= {"error_strategy": ErrorStrategy.DEFAULT_VALUE, "defaults": default}
    if more.pop("fail_branch", False):
        more["error_strategy"] = ErrorStrategy.FAIL_BRANCH
    return more


def _start(context: NodeContext) -> Outcome:
    return Succeeded(dict(context.run.inputs))


START: Final = Scripted("start", "start", _start, node_class=NodeClass.ROOT)


def C(node_id: str, **more: Any) -> Scripted:
    """Gives `r`: its id in capitals."""
    return node(node_id, lambda context: Succeeded({"r": node_id.upper()}), type="code", **more)


def BOOM(node_id: str, **more: Any) -> Scripted:
    """Fails with ERR. A waiting node, as a code node is."""

    async def run(context: NodeContext) -> Outcome:
        return Failed(ERR, ETYPE)

    return node(node_id, run, type="code", waits=True, **more)


def LLM(node_id: str, *attempts: Sequence[str | float | Exception], **more: Any) -> Scripted:
    """Streams the pieces of its script as `text`, one script an attempt; a number is a pause in
    seconds, an exception is raised."""
    made = count()

    async def run(context: NodeContext) -> Outcome:
        text = ""
        for piece in attempts[min(next(made), len(attempts) - 1)]:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, str):
                text += piece
                await context.progress.text((node_id, "text"), piece)
            else:
                await asyncio.sleep(piece)
        await context.progress.text((node_id, "text"), "", is_final=True)
        return Succeeded({"text": text}, usage=Usage(5))

    return node(node_id, run, type="llm", waits=True, **more)


def A(node_id: str, template: str, **more: Any) -> Scripted:
    """An answer node; `{{#a.b#}}` are its variables."""
    parts = re.split(r"\{\{#([^#]+)#\}\}", template)
    segments: list[Segment] = []
    for position, part in enumerate(parts):
        if position % 2:
            segments.append(selector(part))
        elif part:
            segments.append(part)

    def run(context: NodeContext) -> Outcome:
        return Succeeded({"answer": "".join(_rendered(context.pool, part) for part in segments)})

    return _response(node_id, "answer", run, segments, **more)


def _rendered(pool: Pool, segment: Segment) -> str:
    if isinstance(segment, str):
        return segment
    found = pool.find(segment)
    return ".".join(segment) if isinstance(found, Missing) else render_markdown(found)


def E(node_id: str, outputs: Mapping[str, str] | None = None, /, **names: str) -> Scripted:
    """An end node: output name → dotted selector."""
    wanted = {**(outputs or {}), **names}
    segments: list[Segment] = []
    for dotted in wanted.values():
        segments += [selector(dotted), "\n"]

    def run(context: NodeContext) -> Outcome:
        return Succeeded({name: look_up(context.pool, dotted) for name, dotted in wanted.items()})

    return _response(node_id, "end", run, segments[:-1])


def _response(
    node_id: str,
    type: str,
    run: Callable[[NodeContext], Outcome],
    segments: Sequence[Segment],
    **more: Any,
) -> Scripted:
    return node(
        node_id, run, type=type, node_class=NodeClass.RESPONSE, segments=tuple(segments), **more
    )


def IF(node_id: str, **cases: tuple[str, Value]) -> Scripted:
    """Case → (selector, value that it must have); `false` when none of them holds."""

    def run(context: NodeContext) -> Outcome:
        for handle, (dotted, value) in cases.items():
            found = context.pool.find(selector(dotted))
            if isinstance(found, Missing):
                return Failed(f"Variable {dotted.split('.')} not found")
            if found == value:
                return Succeeded({"result": True, "selected_case_id": handle}, handle=handle)
        return Succeeded({"result": False, "selected_case_id": "false"}, handle="false")

    return node(node_id, run, type="if-else", node_class=NodeClass.BRANCH)


def AGG(node_id: str, *candidates: str) -> Scripted:
    """The first of `candidates` that is there."""

    def run(context: NodeContext) -> Outcome:
        for dotted in candidates:
            found = context.pool.find(selector(dotted))
            if not isinstance(found, Missing):
                return Succeeded({"output": found})
        return Succeeded({})

    return node(node_id, run, type="variable-aggregator")


def AS(node_id: str, target: str, source: str) -> Scripted:
    """Writes the value of `source` to the variable `target` of another namespace."""

    def run(context: NodeContext) -> Outcome:
        return Succeeded({}, updates=((selector(target), look_up(context.pool, source)),))

    return node(node_id, run, type="assigner", writes=frozenset({selector(target)}))


def waiting(node_id: str, work: Callable[[], Awaitable[object]], **more: Any) -> Scripted:
    """A node that awaits `work()` and gives its result as `r`."""

    async def run(context: NodeContext) -> Outcome:
        return Succeeded({"r": await work()})

    return node(node_id, run, waits=True, **more)
