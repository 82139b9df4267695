"""Apps of this server that are tools of others (`nodes §11`)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from graphmill.dsl.model import AppMode
from graphmill.engine.events import RunFinished, RunPaused
from graphmill.errors import (
    InvalidParameter,
    NotPublished,
    RequestRefused,
    StoreError,
    ToolFailed,
    WorkflowInvalid,
)
from graphmill.ids import called_run_id_of
from graphmill.ports.tools import Invocation, Parameter, ParameterType
from graphmill.service.apps.catalog import App, Catalog, Version
from graphmill.service.runs.inputs import Find
from graphmill.service.runs.runs import LiveRun, Runs
from graphmill.storage.end_users import EndUserStore
from graphmill.variables.file_references import FileReference
from graphmill.variables.files import File
from graphmill.variables.inputs import StartVariable, VariableType
from graphmill.variables.values import Value

_TYPES: Final[Mapping[VariableType, ParameterType]] = {
    VariableType.NUMBER: ParameterType.NUMBER,
    VariableType.CHECKBOX: ParameterType.BOOLEAN,
    VariableType.JSON_OBJECT: ParameterType.OBJECT,
    VariableType.FILE: ParameterType.FILE,
    VariableType.FILE_LIST: ParameterType.FILES,
}
"""Of start variables; the others are texts."""


class AppCalls:
    """`tools.workflow.Apps`. Call `open` before the first run."""

    def __init__(self, end_users: EndUserStore) -> None:
        self._end_users = end_users
        self._catalog: Catalog
        self._runs: Runs

    def open(self, catalog: Catalog, runs: Runs) -> None:
        """Apps need tools before there are any, so this comes later."""
        self._catalog = catalog
        self._runs = runs

    def describe(self, slug: str) -> tuple[str, tuple[Parameter, ...]]:
        app, version = self._find(slug)
        return app.info.description, tuple(map(_parameter, version.start_variables))

    async def call(
        self, slug: str, inputs: Mapping[str, Value], invocation: Invocation
    ) -> RunFinished:
        app, version = self._find(slug)
        try:
            known = await self._known(app, invocation.key)
            if isinstance(known, str):
                known = await self._runs.start(
                    app,
                    version,
                    inputs={name: _as_sent(value) for name, value in inputs.items()},
                    files=[],
                    user=await self._end_users.ensure(app.id, invocation.run.user),
                    find=_finder(inputs),
                    run_id=known,
                    call_depth=invocation.run.call_depth + 1,
                )
        except (RequestRefused, StoreError) as error:
            raise ToolFailed(str(error)) from error
        return known if isinstance(known, RunFinished) else await self._end_of(app, known)

    async def _known(self, app: App, key: str) -> RunFinished | LiveRun | str:
        """What the call with that key has led to: the end of a run, a run that goes on, or nothing
        of use, that is the id for the next run. Raises StoreError."""
        attempt = 0
        while True:
            attempt += 1
            run_id = called_run_id_of(key, attempt)
            live = self._runs.find_live(app, run_id)
            if live is not None and not live.feed.is_finished:
                return live
            history = await self._runs.history(run_id)
            if not history:
                return run_id
            _, last = history[-1]
            if isinstance(last, RunFinished) and last.error is None:
                return last

    async def _end_of(self, app: App, live: LiveRun) -> RunFinished:
        """Raises ToolFailed."""
        try:
            end = await live.feed.finished()
        except asyncio.CancelledError:
            # Of a server that stops, the next process goes on with both.
            if not self._runs.is_closing:
                await self._runs.stop(app, live.run.id)
            raise
        if isinstance(end, RunPaused):
            await self._runs.stop(app, live.run.id)
            raise ToolFailed(f"the app {app.slug!r} waits for a person, which a tool cannot")
        return end

    def _find(self, slug: str) -> tuple[App, Version]:
        app = self._catalog.find(slug)
        assert app is not None, "the configuration was checked for apps that are not there"
        if app.info.mode is not AppMode.WORKFLOW:
            raise ToolFailed(f"the app {slug!r} is no workflow, and others cannot be tools")
        try:
            return app, app.published_version()
        except (NotPublished, WorkflowInvalid) as error:
            raise ToolFailed(f"the app {slug!r} cannot run: {error}") from error


def _parameter(variable: StartVariable) -> Parameter:
    return Parameter(
        variable.name,
        _TYPES.get(variable.type, ParameterType.STRING),
        required=variable.required,
        default=variable.default,
        options=variable.options,
    )


def _as_sent(value: Value) -> Value:
    """Files as callers name them."""
    if isinstance(value, File):
        return value.to_mapping()
    return [_as_sent(each) for each in value] if isinstance(value, list) else value


def _finder(inputs: Mapping[str, Value]) -> Find:
    """Finds the files that are among `inputs`: who calls has them already."""
    files: dict[str | None, File] = {}
    for value in inputs.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, File):
                files[each.related_id or each.remote_url] = each

    async def find(reference: FileReference) -> File:
        try:
            return files[reference.stored_id or reference.url]
        except KeyError:
            raise InvalidParameter("A tool's file must come from a variable") from None

    return find
