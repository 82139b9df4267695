"""Reading a workflow file: the plan that its runs share, or what keeps it from running."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graphmill.config.apps import AppSettings
from graphmill.dsl.load import load_workflow
from graphmill.dsl.model import Place, Problem, Severity, Workflow
from graphmill.dsl.reader import MAX_BYTES
from graphmill.engine.plan import Plan
from graphmill.errors import WorkflowInvalid
from graphmill.nodes.base import NodePorts, NodeType
from graphmill.nodes.compile import compile_plan
from graphmill.nodes.registry import NODE_TYPES


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says. There is a plan, or there are problems."""

    workflow: Workflow | None
    """None when it could not be understood at all."""
    plan: Plan | None
    problems: tuple[Problem, ...] = ()

    def compiled(self) -> tuple[Workflow, Plan]:
        """What can run. Raises WorkflowInvalid when nothing can."""
        if self.workflow is None or self.plan is None:
            raise WorkflowInvalid(self.problems)
        return self.workflow, self.plan


def read_workflow(
    content: str | bytes,
    ports: NodePorts,
    *,
    environment: Mapping[str, str],
    node_types: Mapping[str, NodeType] = NODE_TYPES,
) -> Reading:
    """Understand and compile a file; `environment` overrides its environment variables."""
    loaded = load_workflow(content)
    if loaded.workflow is None or loaded.errors:
        return Reading(loaded.workflow, None, loaded.errors)
    try:
        plan = compile_plan(loaded.workflow, ports, environment=environment, node_types=node_types)
    except WorkflowInvalid as error:
        return Reading(loaded.workflow, None, error.problems)
    return Reading(loaded.workflow, plan)


def content_of(path: Path) -> bytes:
    """The bytes of the file at `path`, of a long one so many that it is refused for its length.

    Raises WorkflowInvalid when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"The file cannot be read: {error.strerror}"
        raise WorkflowInvalid([_problem("file-unreadable", message)]) from None


def reading_of_failure(error: Exception) -> Reading:
    """In place of what `read_workflow` should have given: the fault is ours."""
    message = f"Compiling the file failed with {type(error).__name__}; the server's log says where"
    return Reading(None, None, (_problem("internal-error", message),))


def _problem(code: str, message: str) -> Problem:
    """What is wrong with a file as a whole."""
    return Problem(Severity.ERROR, code, message, Place(1, 1))


def environment_of(app: AppSettings) -> dict[str, str]:
    """What the configuration says about the environment variables of an app."""
    return {name: value.get_secret_value() for name, value in app.environment.items()}
