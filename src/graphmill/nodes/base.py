"""What a node type is, and what it may reuse.

A node type is a module with a pydantic model of its configuration and a class that runs it. An instance is built once
per version, holds everything that can be computed ahead, and is shared by all runs: it keeps no state of a run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Outcome
from graphmill.ports import FileVault, HttpClient, HttpLimits, TemplateEngine


class NodeData(BaseModel):
    """The configuration of a node as the YAML says it; unknown keys are allowed and ignored (`workflow-dsl §5.1`)."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class InlineNode(Protocol):
    """A node that needs no waiting: the driver runs it in place."""

    def run(self, context: NodeContext) -> Outcome: ...


class WaitingNode(Protocol):
    """A node that waits: the driver runs it as a task and cancels it when the run is stopped."""

    async def run(self, context: NodeContext) -> Outcome: ...


Node: TypeAlias = InlineNode | WaitingNode


@dataclass(frozen=True, slots=True)
class NodePorts:
    """The outside, as nodes see it."""

    http: HttpClient
    files: FileVault
    templates: TemplateEngine
    http_limits: HttpLimits = field(default_factory=HttpLimits)


@dataclass(frozen=True, slots=True)
class NodeType:
    """One entry of the registry."""

    name: str
    data: type[NodeData]
    build: Callable[[str, Any, NodePorts], Node]
    """(node id, validated data, ports) → node. Raises ValueError when the configuration cannot be run."""
    node_class: NodeClass = NodeClass.EXECUTABLE
    waits: bool = False
    retries: bool = False
    """Does the type support `retry_config` (`workflow-dsl §10.2`)?"""
    output_names: Callable[[Any], frozenset[str] | None] | None = None
    """(data) → names of the variables it produces, None when that cannot be known; the checker uses it."""
