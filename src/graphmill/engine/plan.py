"""One version, compiled: all that its runs share, so that a run parses and compiles nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphmill.engine.graph import Graph, GraphNode
from graphmill.engine.retry import RetryPolicy
from graphmill.engine.streaming import StreamPlan
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a frame begins."""

    node: int
    streams: StreamPlan
    """What the response nodes of such a frame show."""
    members: tuple[str, ...] = ()
    """Ids of the nodes right inside the container: a round knows nothing of their last one."""


@dataclass(frozen=True, slots=True)
class Step:
    """A node of the graph together with what runs it."""

    node: GraphNode
    run: Callable[[Any], Any]
    """`NodeContext` → `Outcome` or `Rounds`, or an awaitable of an outcome when `waits`."""
    waits: bool
    retry: RetryPolicy | None = None
    """For waiting nodes only."""
    defaults: dict[str, Value] | None = None
    """Outputs of the `default-value` strategy."""
    entry: Entry | None = None
    """Of a container: where its rounds begin."""
    extras: Mapping[str, Value] | None = None
    """What clients are shown of the node when it starts (`service-api §11`)."""

    has_recourse: bool = field(init=False)
    """Is there something to do when it fails?"""

    def __post_init__(self) -> None:
        has_recourse = self.retry is not None or self.node.error_strategy is not None
        object.__setattr__(self, "has_recourse", has_recourse)


@dataclass(frozen=True, slots=True)
class Plan:
    graph: Graph
    steps: tuple[Step, ...]
    entry: Entry
    """Where runs begin."""
    environment: dict[str, Value]
    conversation: dict[str, Value]
    secrets: frozenset[str]
    """Names of the environment variables that logs must mask."""
    types: Mapping[Selector, str] = field(default_factory=dict)
    """Declared types of conversation and loop variables: assigners keep to them."""
