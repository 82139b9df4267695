"""Which streamed text may be shown now (`workflow-dsl §13`): a filter behind the engine.

A response node has a *stream template*: literal texts and selectors. Its *session* is a cursor
through that template. A session activates once a path from the root to its node has no edge left
that could still turn another way; one session at a time shows its segments, the others wait in a
queue.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphmill.engine.events import FramePosition, TextChunk
from graphmill.engine.graph import Edge, Graph, NodeClass
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, render_markdown

Segment: TypeAlias = str | Selector


@dataclass(frozen=True, slots=True)
class ResponseStream:
    """The stream template of one response node."""

    node: int
    node_id: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What all frames of one kind share: the templates, and what holds each of them back."""

    responses: tuple[ResponseStream, ...]
    """Ascending by node id: the order in which sessions activate together."""
    free: tuple[int, ...]
    """Numbers of the responses that nothing holds back."""
    freed_by: Mapping[int, tuple[int, ...]]
    """By number of an edge: the responses that nothing holds back once it is taken."""
    referenced: frozenset[Selector]
    producers: Mapping[str, int]
    """Numbers of the nodes that the templates refer to, by id."""


def plan_streams(
    graph: Graph,
    root: int,
    responses: Iterable[ResponseStream],
    writes: Mapping[int, frozenset[Selector]],
) -> StreamPlan:
    """`responses` are those of the frames that begin at node `root`. `writes`: by node, the
    two-part selectors of the variables that it changes (assigners).

    `workflow-dsl §13.2` frees a response as soon as all blocking edges on one path to it are taken.
    A run takes edges of nodes that it has reached, so the last of them decides alone: it is the one
    that leads to the response without another behind it."""
    ordered = tuple(sorted(responses, key=lambda response: response.node_id))
    free: list[int] = []
    freed_by: dict[int, list[int]] = {}
    for number, response in enumerate(ordered):
        blocking = _blocking_edges(graph, response, writes)
        before = _nodes_before(graph, response.node, blocking)
        if root in before:
            free.append(number)
        for edge in blocking:
            if graph.edges[edge].target in before:
                freed_by.setdefault(edge, []).append(number)
    referenced = frozenset(selector for response in ordered for selector in _selectors(response))
    heads = {selector[0] for selector in referenced}
    return StreamPlan(
        responses=ordered,
        free=tuple(free),
        freed_by={edge: tuple(numbers) for edge, numbers in freed_by.items()},
        referenced=referenced,
        producers={node.id: node.index for node in graph.nodes if node.id in heads},
    )


def _selectors(response: ResponseStream) -> list[Selector]:
    return [segment for segment in response.segments if isinstance(segment, tuple)]


def _blocking_edges(
    graph: Graph, response: ResponseStream, writes: Mapping[int, frozenset[Selector]]
) -> set[int]:
    """Numbers of the edges that may still turn another way, or behind which a value changes."""
    variables = {selector[:2] for selector in _selectors(response)}
    return {
        edge.index
        for node in graph.nodes
        if node.branches
        or node.node_class in (NodeClass.CONTAINER, NodeClass.RESPONSE)
        or not variables.isdisjoint(writes.get(node.index, ()))
        for edge in graph.outgoing[node.index]
    }


def _nodes_before(graph: Graph, node: int, blocking: set[int]) -> set[int]:
    """`node` and all that lead to it without a blocking edge."""
    sources: dict[int, list[int]] = {}
    for edge in graph.edges:
        if edge.index not in blocking:
            sources.setdefault(edge.target, []).append(edge.source)
    before: set[int] = set()
    stack = [node]
    while stack:
        node = stack.pop()
        if node not in before:
            before.add(node)
            stack += sources.get(node, ())
    return before


class _Buffer:
    """Chunks of one selector that no session has shown yet; it exists from the first chunk on."""

    __slots__ = ("is_awaited", "is_closed", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.is_closed = False
        self.is_awaited = False
        """Has the active session shown all, and is it waiting for more?"""


class StreamFilter:
    """The sessions of one frame. Each method returns the chunks that may be shown now, in order."""

    __slots__ = (
        "_active", "_buffers", "_cursor", "_has_begun", "_held", "_is_skipped", "_plan", "_pool",
        "_position", "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        plan: StreamPlan,
        pool: Pool,
        is_skipped: Callable[[int], bool],
        position: FramePosition | None = None,
    ) -> None:
        """`is_skipped(number of a node)`: will it not run in this frame?"""
        self._plan = plan
        self._pool = pool
        self._is_skipped = is_skipped
        self._position = position
        self._held = list(range(len(plan.responses)))
        self._has_begun = False
        self._waiting: list[ResponseStream] = []
        self._active: ResponseStream | None = None
        self._cursor = 0
        self._buffers: dict[Selector, _Buffer] = {}

    def edges_taken(self, edges: Sequence[Edge]) -> list[TextChunk]:
        """Activate the sessions that nothing holds back any more.

        Dify looks at this when an edge is taken, so nothing is shown before the root is done."""
        if not edges or not self._held:
            return []
        freed: list[int] = []
        if not self._has_begun:
            self._has_begun = True
            freed += self._plan.free
        for edge in edges:
            freed += self._plan.freed_by.get(edge.index, ())
        if not freed:
            return []
        for number in freed:
            if number in self._held:
                self._held.remove(number)
                self._waiting.append(self._plan.responses[number])
        return self.flush()

    def chunk(self, selector: Selector, text: str, *, is_final: bool = False) -> list[TextChunk]:
        """A node made a piece of the text at `selector`; `is_final` says that it was the last."""
        buffer = self._buffers.get(selector)
        if buffer is None:
            if selector not in self._plan.referenced:
                return []
            buffer = self._buffers[selector] = _Buffer()
        if buffer.is_closed:
            return []
        if buffer.is_awaited and not is_final:
            return [TextChunk(selector, text, self._position)]
        buffer.texts.append(text)
        buffer.is_closed = is_final
        return self.flush()

    def shows_reasoning(self, node_id: str) -> bool:
        """Does a session that has begun show what `node_id` thinks or says (`§13.5`)?"""
        sessions = self._waiting if self._active is None else [self._active, *self._waiting]
        wanted = ((node_id, "text"), (node_id, "reasoning_content"))
        return any(
            segment[:2] in wanted
            for session in sessions
            for segment in session.segments
            if isinstance(segment, tuple)
        )

    def flush(self) -> list[TextChunk]:
        """Show what the active session can show; call it before a node's success is told."""
        shown: list[TextChunk] = []
        while self._active is not None or self._waiting:
            if self._active is None:
                self._active = self._waiting.pop(0)
                self._cursor = 0
            segments = self._active.segments
            while self._cursor < len(segments):
                if not self._show(segments[self._cursor], self._active, shown):
                    return shown
                self._cursor += 1
            self._active = None
        return shown

    def _show(self, segment: Segment, response: ResponseStream, shown: list[TextChunk]) -> bool:
        """Show a segment as far as possible. Is it done?"""
        if isinstance(segment, str):
            shown.append(TextChunk((response.node_id, "answer"), segment, self._position))
            return True
        producer = self._plan.producers.get(segment[0])
        if producer is not None and self._is_skipped(producer):
            return True
        buffer = self._buffers.get(segment)
        if buffer is not None:
            shown += [TextChunk(segment, text, self._position) for text in buffer.texts]
            buffer.texts.clear()
            buffer.is_awaited = not buffer.is_closed
            return buffer.is_closed
        value = self._pool.find(segment)
        if isinstance(value, Missing):
            return False
        shown.append(TextChunk(segment, render_markdown(value), self._position))
        return True
