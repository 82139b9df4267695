"""Another app of this server as a tool (`nodes §11`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from graphmill.engine.events import RunFinished
from graphmill.engine.usage import Usage
from graphmill.errors import ToolFailed
from graphmill.ports.tools import (
    FileMessage,
    Invocation,
    JsonMessage,
    Parameter,
    TextMessage,
    Tool,
    ToolMessage,
    ToolResult,
    VariableMessage,
)
from graphmill.variables.files import File
from graphmill.variables.values import Value, to_json

MAX_DEPTH: Final = 5
_OWN_OUTPUTS: Final = frozenset({"text", "json", "files"})
"""Names that every tool node gives a meaning to."""


class Apps(Protocol):
    """The apps of this server, as far as one may call another."""

    def describe(self, slug: str) -> tuple[str, tuple[Parameter, ...]]:
        """What the app says about itself, and what it wants to be told. Raises ToolFailed when it
        cannot run."""
        ...

    async def call(
        self, slug: str, inputs: Mapping[str, Value], invocation: Invocation
    ) -> RunFinished:
        """Run the app for the end user of the run that calls, one deeper; or wait for the run that
        the same call began before a crash. Cancelling stops it.

        Raises ToolFailed when no run could be started."""
        ...


class NoApps:
    """A single run on the terminal has no others beside it."""

    def describe(self, slug: str) -> tuple[str, tuple[Parameter, ...]]:
        raise ToolFailed(f"the app {slug!r} can be called in the server only (graphmill serve)")

    async def call(
        self, slug: str, inputs: Mapping[str, Value], invocation: Invocation
    ) -> RunFinished:
        raise AssertionError("no app was found, so there is none to call")


@dataclass(frozen=True, slots=True)
class WorkflowProvider:
    """`toolbox.Provider`: one app. It is the only tool, whatever the workflow calls it."""

    slug: str
    apps: Apps

    def has(self, name: str) -> bool:
        return True

    async def tool(self, name: str) -> Tool:
        return WorkflowTool(self.slug, *self.apps.describe(self.slug), self.apps)


@dataclass(frozen=True, slots=True)
class WorkflowTool:
    """`ports.Tool`"""

    slug: str
    description: str
    parameters: tuple[Parameter, ...]
    apps: Apps

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        if invocation.run.call_depth >= MAX_DEPTH:
            raise ToolFailed(f"Max workflow call depth {MAX_DEPTH} reached.")
        finished = await self.apps.call(self.slug, arguments, invocation)
        if finished.error is not None:
            raise ToolFailed(finished.error)
        # The end of a run does not tell what was read and what was written.
        usage = Usage(completion_tokens=finished.total_tokens) if finished.total_tokens else None
        return ToolResult(tuple(_messages(finished.outputs)), usage)


def _messages(outputs: Mapping[str, Value]) -> list[ToolMessage]:
    """The files apart, the rest as JSON, as text, and each output under its name."""
    files: list[ToolMessage] = []
    others: dict[str, Value] = {}
    for name, value in outputs.items():
        items = value if isinstance(value, list) else [value]
        found = [FileMessage(each) for each in items if isinstance(each, File)]
        if found and len(found) == len(items):
            files += found
        else:
            others[name] = value
    variables = (
        VariableMessage(name, value) for name, value in others.items() if name not in _OWN_OUTPUTS
    )
    return [TextMessage(to_json(others)), JsonMessage(others), *files, *variables]
