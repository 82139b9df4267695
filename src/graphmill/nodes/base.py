"""What a node type is, and what it may reuse.

A node type is a module with a pydantic model of its configuration and a class that runs it. An
instance is built once per version, holds everything that can be computed ahead, and is shared by
all runs: it keeps no state of a run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypeAlias

from pydantic import AfterValidator, ConfigDict, ValidationError

from graphmill.dsl.part import Part
from graphmill.dsl.rules import DatasetUse, Doubt, ModelUse, NodeFacts, ToolUse
from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Outcome, Paused
from graphmill.engine.rounds import Rounds
from graphmill.engine.streaming import Segment
from graphmill.ports.code import CodeRunner, TemplateEngine
from graphmill.ports.conversations import Conversations, NoConversations
from graphmill.ports.documents import DocumentReader
from graphmill.ports.files import FileVault
from graphmill.ports.forms import Forms, NoForms
from graphmill.ports.http import HttpClient, HttpLimits
from graphmill.ports.knowledge import Knowledge, NoKnowledge
from graphmill.ports.models import Models
from graphmill.ports.tools import NoTools, Toolbox
from graphmill.variables.selectors import Selector, parse_selector
from graphmill.variables.values import Value


class Section(Part):
    """A part of a node's configuration. Unquoted numbers may stand for texts (`nodes §24`)."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class NodeData(Section):
    """The whole `data` of a node."""


SelectorField: TypeAlias = Annotated[tuple[str, ...], AfterValidator(parse_selector)]
"""A list of texts that becomes a `Selector`."""


class InlineNode(Protocol):
    """A node that needs no waiting: the traversal runs it in place. A container gives rounds."""

    def run(self, context: NodeContext) -> Outcome | Rounds: ...


class WaitingNode(Protocol):
    """A node that waits: the driver runs it as a task and cancels it when the run is stopped."""

    async def run(self, context: NodeContext) -> Outcome | Paused: ...


Node: TypeAlias = InlineNode | WaitingNode


@dataclass(frozen=True, slots=True)
class NodePorts:
    """The outside, as nodes see it."""

    http: HttpClient
    files: FileVault
    templates: TemplateEngine
    code: CodeRunner
    documents: DocumentReader
    models: Models
    http_limits: HttpLimits = field(default_factory=HttpLimits)
    conversations: Conversations = field(default_factory=NoConversations)
    tools: Toolbox = field(default_factory=NoTools)
    knowledge: Knowledge = field(default_factory=NoKnowledge)
    forms: Forms = field(default_factory=NoForms)
    reasoning_chunks: bool = False
    """Is what a model thinks told apart from its answer while it comes (`nodes §4.4`)?"""


def _nothing(data: NodeData) -> tuple[()]:
    return ()


def _no_types(data: NodeData) -> Mapping[str, str]:
    return {}


def _no_extras(data: NodeData, ports: NodePorts) -> None:
    return None


@dataclass(frozen=True, slots=True)
class NodeType:
    """One entry of the registry."""

    name: str
    data: type[NodeData]
    build: Callable[[str, Any, NodePorts], Node]
    """(node id, validated data, ports) → node. Raises ValueError for data that cannot be run."""
    node_class: NodeClass = NodeClass.EXECUTABLE
    retries: bool = False
    """Does the type support `retry_config` (`workflow-dsl §10.2`)?"""
    output_names: Callable[[Any], frozenset[str] | None] | None = None
    """(data) → names of the variables it makes, None when that cannot be known; for the checker."""
    reads: Callable[[Any], tuple[Selector, ...]] = _nothing
    """(data) → every selector that it may look up; for the checker."""
    writes: Callable[[Any], tuple[Selector, ...]] = _nothing
    """(data) → variables of others that it changes: streaming waits for them (`§13.2`)."""
    stream_template: Callable[[Any], tuple[Segment, ...]] = _nothing
    """(data) → what a response node streams, piece by piece (`workflow-dsl §13.1`)."""
    entry: Callable[[Any], str] | None = None
    """(data) → id of the node that the rounds of a container begin at."""
    declares: Callable[[Any], Mapping[str, str]] = _no_types
    """(data) → types that some of its variables keep whatever they hold, by name."""
    handles: Callable[[Any], frozenset[str]] | None = None
    """(data) → the exits of a branch node; for the checker."""
    doubts: Callable[[Any], tuple[Doubt, ...]] = _nothing
    """(data) → what to warn of before the first run; for the checker."""
    packages: Callable[[Any], tuple[str, ...]] = _nothing
    """(data) → what its code imports besides the standard library; for the checker."""
    tools: Callable[[Any], tuple[ToolUse, ...]] = _nothing
    """(data) → the providers of the tools that it calls; for the checker."""
    models: Callable[[Any], tuple[ModelUse, ...]] = _nothing
    """(data) → the models that it calls; for the checker."""
    datasets: Callable[[Any], tuple[DatasetUse, ...]] = _nothing
    """(data) → the datasets that it searches; for the checker."""
    extras: Callable[[Any, NodePorts], Mapping[str, Value] | None] = _no_extras
    """(data, ports) → what clients are shown of the node when it starts (`service-api §11`)."""

    def facts(self, data: Mapping[str, Any]) -> NodeFacts | None:
        """What the checker wants to know of a node; None for data that the type refuses."""
        try:
            valid = self.data.model_validate(data)
        except ValidationError:
            return None
        return NodeFacts(
            outputs=self.output_names(valid) if self.output_names else None,
            reads=self.reads(valid),
            handles=self.handles(valid) if self.handles else None,
            doubts=self.doubts(valid),
            packages=self.packages(valid),
            tools=self.tools(valid),
            models=self.models(valid),
            datasets=self.datasets(valid),
        )
