"""What a workflow file says, as typed values, and what is wrong with it.

Node configurations stay plain mappings here: what they must look like is known to the node types, which validate them
when a version is compiled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from graphmill.variables.values import Value


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the file; both count from 1."""

    line: int
    column: int


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file, for the person who can mend it."""

    severity: Severity
    code: str
    """Stable and short, kebab-case: `unknown-node-type`."""
    message: str
    place: Place
    hint: str = ""
    """What to do about it."""
    node_id: str | None = None
    node_title: str | None = None
    field: str | None = None
    """Dotted path inside the node's `data`, or of the file."""


class AppMode(StrEnum):
    WORKFLOW = "workflow"
    ADVANCED_CHAT = "advanced-chat"
    CHAT = "chat"
    AGENT_CHAT = "agent-chat"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class NodeDefinition:
    id: str
    type: str
    version: str
    title: str
    data: dict[str, Any]
    """`data` of the node after the repairs of `workflow-dsl §5.3`."""
    place: Place
    parent_id: str | None = None
    """Id of the iteration or loop around it."""
    places: Mapping[tuple[str | int, ...], Place] = field(default_factory=dict)
    """Where each key of `data` stands; a path that is absent stands where its parent does."""

    def place_of(self, path: Sequence[str | int]) -> Place:
        """Where `data[path]` stands, or the nearest thing around it."""
        steps = tuple(path)
        while steps:
            place = self.places.get(steps)
            if place is not None:
                return place
            steps = steps[:-1]
        return self.place


@dataclass(frozen=True, slots=True)
class EdgeDefinition:
    number: int
    """Position in the file's list, dropped edges counted: `edge_<number>` in messages."""
    source: str
    target: str
    handle: str
    place: Place


@dataclass(frozen=True, slots=True)
class VariableDefinition:
    """An environment or conversation variable."""

    name: str
    value_type: str
    value: Value
    description: str = ""


@dataclass(frozen=True, slots=True)
class AppInfo:
    name: str
    mode: AppMode
    description: str = ""
    icon: str | None = None
    icon_type: str | None = None
    icon_background: str | None = None
    use_icon_as_answer_icon: bool = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """A file that could be read. Whether its graph can run is another question (`check`, and compiling it)."""

    app: AppInfo
    dsl_version: str
    features: dict[str, Any]
    environment: tuple[VariableDefinition, ...]
    conversation: tuple[VariableDefinition, ...]
    nodes: tuple[NodeDefinition, ...]
    edges: tuple[EdgeDefinition, ...]
    root: str | None
    """Id of the node a run starts at (`workflow-dsl §5.4`); None when there is none."""
    inactive_roots: tuple[str, ...] = ()

    def node(self, node_id: str) -> NodeDefinition:
        """Raises KeyError for an id that is not in the graph."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What reading a file gave: the workflow unless it could not be understood at all, and every problem found."""

    workflow: Workflow | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)
