"""The apps this server offers: their files compiled to versions, found by key, reloaded when a file changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphmill.dsl.model import AppInfo, Problem, Workflow
from graphmill.engine.plan import Plan
from graphmill.variables.inputs import StartVariable


@dataclass(frozen=True, slots=True)
class Version:
    """One published state of an app, ready to run."""

    id: str
    """UUIDv5 of the app and the file's content: the same file has the same id everywhere."""
    name: str
    """As logs show it: `2026-11-21 10:00:00.123456`, when this server first saw it."""
    created_at: float
    """Unix seconds."""
    workflow: Workflow
    plan: Plan
    start_variables: tuple[StartVariable, ...]


@dataclass(frozen=True, slots=True)
class App:
    """An app as it is now. A reload makes a new one: whoever holds this one keeps what it started with."""

    id: str
    slug: str
    info: AppInfo
    published: bool
    api_enabled: bool
    current: Version | None
    """What runs; None when the file never compiled since the server started."""
    workflow: Workflow | None
    """The file as far as it can be read: that of `current`, or of a file that can be read and not run."""
    problems: tuple[Problem, ...]
    """Why the file as it lies there now cannot run."""

    @property
    def features(self) -> Mapping[str, Any]:
        """The DSL's `workflow.features`; empty when the file cannot be read."""
        return self.workflow.features if self.workflow is not None else {}

    def published_version(self) -> Version:
        """The version that runs when none is named.

        Raises NotPublished, or WorkflowInvalid with all problems when the file cannot run."""
        raise NotImplementedError


class Catalog:
    """All apps of the configuration."""

    @property
    def apps(self) -> tuple[App, ...]:
        """In the order of the configuration."""
        raise NotImplementedError

    def find_by_key(self, key: str) -> App | None:
        """The app whose API key this is."""
        raise NotImplementedError

    def keys(self, app: App) -> tuple[str, ...]:
        """The API keys of `app` in the clear; for the operator's terminal only."""
        raise NotImplementedError

    async def version(self, app: App, workflow_id: str) -> Version:
        """A version by its id: the current one or an earlier one, compiled again from its stored text.

        Raises VersionIdMalformed, or VersionNotFound (also for an unpublished app)."""
        raise NotImplementedError
