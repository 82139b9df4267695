"""What this server can do for a task type: the type, and who executes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from graphmill.service.apps.catalog import App, Version
from graphmill.service.tasks.shapes import TaskType
from graphmill.variables.inputs import StartVariable
from graphmill.variables.selectors import Selector


@dataclass(frozen=True, slots=True)
class WorkflowBacking:
    """Runs of one version of an app."""

    app: App
    version: Version
    inputs: Mapping[str, StartVariable]
    """By slot."""
    outputs: Mapping[str, str]
    """Slot → output of the run."""
    streams: Mapping[Selector, str] = field(default_factory=dict)
    """What a run streams → the Text slot that it fills."""


@dataclass(frozen=True, slots=True)
class WorkerBacking:
    """A worker that fetches tasks itself."""

    worker_id: str
    provider: str
    """Id that the worker gave it."""


Backing: TypeAlias = WorkflowBacking | WorkerBacking


@dataclass(frozen=True, slots=True)
class Offer:
    type: TaskType
    backing: Backing
    expected_seconds: int
