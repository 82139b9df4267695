"""What strangers wrote: templates and code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from graphmill.variables.values import Value


class Template(Protocol):
    """One that is rendered on the spot."""

    def render(self, values: Mapping[str, Value]) -> str:
        """Raises TemplateFailed with the template engine's message."""
        ...


@runtime_checkable
class WaitingTemplate(Protocol):
    """One that may have to be rendered somewhere else."""

    async def render_elsewhere(self, values: Mapping[str, Value]) -> str:
        """Raises TemplateFailed, with the template engine's message if it is the author's fault."""
        ...


class TemplateEngine(Protocol):
    def compile(self, source: str) -> Template | WaitingTemplate:
        """Prepare a Jinja2 template once. A template that cannot be compiled fails when it is
        rendered, as in Dify."""
        ...


@dataclass(frozen=True, slots=True)
class CodeResult:
    value: Value
    """What `main` returned."""
    output: str = ""
    """What the code printed."""
    errors: str = ""
    """What it wrote to standard error."""


class CodeRunner(Protocol):
    """Runs what strangers wrote, apart from everything else. Cancelling the caller ends the
    code."""

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        """`language`: python3, javascript or jinja2. Raises CodeFailed or CodeUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands between strangers' code and the host, as far as it is known by now."""

    state: str
    """`not started` (nothing has needed it yet), `ready`, or `off`: code nodes fail."""
    python: str
    """What runs Python: cpython, monty or remote."""
    isolation: str = ""
    """full, seccomp (the wall without all layers behind it), interpreter, or none."""
    layers: tuple[str, ...] = ()
    reason: str = ""
    """Why it is off, or not what it could be."""


@dataclass(frozen=True, slots=True)
class Load:
    """Calls of a sandbox."""

    running: int = 0
    """Each of them is a process."""
    waiting: int = 0


class CodeSandbox(CodeRunner, Protocol):
    def standing(self) -> Standing: ...
