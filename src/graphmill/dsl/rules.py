"""What the checker asks the node types, without knowing one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graphmill.dsl.model import DataPath
from graphmill.dsl.tools import ToolProvider
from graphmill.variables.selectors import Selector


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something in a node's configuration that may run, but hardly as its author thinks."""

    code: str
    message: str
    path: DataPath
    """Where in `data`."""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Where a node names a tool."""

    provider: ToolProvider
    name: str
    path: DataPath
    """Where in `data`."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Where a node names a model."""

    provider: str
    name: str
    path: DataPath
    """Where in `data`."""


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """Where a node names a dataset."""

    id: str
    path: DataPath
    """Where in `data`."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What follows from the configuration of one node."""

    outputs: frozenset[str] | None
    """Names of the variables it makes; None when that cannot be known."""
    reads: tuple[Selector, ...]
    """Every selector that it may look up."""
    handles: frozenset[str] | None
    """The exits, one of which is followed; None for a node that leaves by all its edges."""
    doubts: tuple[Doubt, ...] = ()
    packages: tuple[str, ...] = ()
    """What its code imports besides the standard library."""
    tools: tuple[ToolUse, ...] = ()
    models: tuple[ModelUse, ...] = ()
    datasets: tuple[DatasetUse, ...] = ()


class NodeRules(Protocol):
    """One node type."""

    def facts(self, data: Mapping[str, Any]) -> NodeFacts | None:
        """None when `data` is not what the type wants."""
        ...
