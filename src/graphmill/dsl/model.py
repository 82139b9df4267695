"""What a workflow file says, as typed values, and what is wrong with it.

Node configurations stay plain mappings here: what they must look like is known to the node types,
which validate them when a version is compiled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from graphmill.variables.values import Value

DataPath: TypeAlias = Sequence[str | int]
"""Keys and list positions that lead to a value of the file."""


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
class Box:
    """Where the editor drew a node, in pixels."""

    x: float
    """Of the upper left corner; inside an iteration or loop, counted from that node's corner."""
    y: float
    width: float
    height: float


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
    box: Box | None = None
    locate: Callable[[DataPath], Place] | None = field(default=None, compare=False, repr=False)
    """Where a path inside `data` stands; absent for a node that a repair added."""

    def place_of(self, path: DataPath) -> Place:
        """Where `data[path]` stands, or the nearest thing around it."""
        return self.place if self.locate is None else self.locate(path)


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
    place: Place = Place(1, 1)


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
    """A file that could be read. Whether its graph can run, compiling it tells."""

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
    """Other nodes that a run could start at; they are skipped."""
    place: Place = Place(1, 1)
    """Where the nodes of the graph begin; of an app without a graph, where its mode stands."""

    def node(self, node_id: str) -> NodeDefinition:
        """Raises KeyError for an id that is not in the graph."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What reading a file gave: every problem found, and the workflow as far as it was understood.

    With `errors` it must not run, for what was wrong is left out of it."""

    workflow: Workflow | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)
