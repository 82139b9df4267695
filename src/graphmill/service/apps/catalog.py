"""The apps this server offers: found by key, with the version that runs and the earlier ones.

An `App` never changes; a reload puts another one in its place.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from graphmill.config.apps import AppSettings, LogLevel
from graphmill.dsl.model import AppInfo, AppMode, Problem, Workflow
from graphmill.dsl.problems import format_text
from graphmill.engine.plan import Plan
from graphmill.errors import (
    NotPublished,
    StoreError,
    VersionIdMalformed,
    VersionNotFound,
    WorkflowInvalid,
)
from graphmill.ids import app_id_of
from graphmill.nodes.base import NodePorts, NodeType
from graphmill.nodes.registry import NODE_TYPES
from graphmill.nodes.start import start_variables
from graphmill.service.apps.chat_features import ChatFeatures, read_chat_features
from graphmill.service.apps.keys import fingerprint, kept_keys
from graphmill.service.apps.reading import (
    Reading,
    content_of,
    environment_of,
    read_workflow,
    reading_of_failure,
)
from graphmill.service.apps.speech_features import SpeechFeatures, read_speech_features
from graphmill.storage.apps import AppStore, StoredApp, StoredVersion
from graphmill.variables.inputs import StartVariable

KEPT_VERSIONS: Final = 32
"""Earlier versions that stay compiled after they were asked for."""

logger = logging.getLogger(__name__)


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
    chat: ChatFeatures
    speech: SpeechFeatures


@dataclass(frozen=True, slots=True)
class App:
    """An app as it is now. Whoever holds one while another takes its place keeps what it started
    with."""

    id: str
    slug: str
    info: AppInfo
    published: bool
    api_enabled: bool
    log_level: LogLevel
    current: Version | None
    """What runs; None when the file never compiled since the server started."""
    workflow: Workflow | None
    """The file as far as it can be read: that of `current`, or of a file that can be read and not
    run."""
    problems: tuple[Problem, ...]
    """Why the file as it lies there now cannot run."""

    @property
    def features(self) -> Mapping[str, Any]:
        """The DSL's `workflow.features`; empty when the file cannot be read."""
        return self.workflow.features if self.workflow is not None else {}

    @property
    def speech(self) -> SpeechFeatures:
        """All is off while nothing runs."""
        if not self.published or self.current is None:
            return SpeechFeatures()
        return self.current.speech

    def published_version(self) -> Version:
        """The version that runs when none is named.

        Raises NotPublished, or WorkflowInvalid with all problems when the file cannot run."""
        if not self.published:
            raise NotPublished(
                f"App {self.slug!r} is not published; see `published` in the configuration."
            )
        if self.current is None:
            raise WorkflowInvalid(self.problems)
        return self.current


class Catalog:
    """All apps of the configuration. Call `open` before anything else."""

    def __init__(
        self,
        settings: Sequence[AppSettings],
        store: AppStore,
        ports: NodePorts,
        *,
        keys_path: Path,
        node_types: Mapping[str, NodeType] = NODE_TYPES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`keys_path`: where the keys that the server makes itself are kept. Raises
        ConfigInvalid."""
        self._settings = {app_id_of(app.slug): app for app in settings}
        self._store = store
        self._ports = ports
        self._node_types = node_types
        self._clock = clock
        self._keys = _keys_of(self._settings, keys_path)
        self._by_key = _index_of(self._keys)
        self._apps: dict[str, App] = {}
        self._contents: dict[str, bytes | None] = {}
        self._earlier: OrderedDict[tuple[str, str], Version] = OrderedDict()

    async def open(self) -> None:
        """Read all files. Nothing runs yet, so it is done in one go."""
        async with asyncio.TaskGroup() as tasks:
            for app_id, settings in self._settings.items():
                self._apps[app_id] = _unread_app(app_id, settings)
                content = self._new_content(app_id)
                if content is not None:
                    tasks.create_task(self._take(app_id, content, self._read(settings, content)))

    @property
    def apps(self) -> tuple[App, ...]:
        """In the order of the configuration."""
        return tuple(self._apps.values())

    def file_of(self, app: App) -> Path:
        return self._settings[app.id].workflow

    def keys(self, app: App) -> tuple[str, ...]:
        """The API keys of `app` in the clear; for the operator's terminal only."""
        return self._keys[app.id]

    def find_by_key(self, key: str) -> App | None:
        """The app whose API key this is."""
        app_id = self._by_key.get(fingerprint(key))
        return None if app_id is None else self._apps[app_id]

    def find(self, slug: str) -> App | None:
        """The app of that slug."""
        return self._apps.get(app_id_of(slug))

    async def version(self, app: App, workflow_id: str) -> Version:
        """A version by its id: the current one, or an earlier one, compiled again from its stored
        text.

        Raises VersionIdMalformed, VersionNotFound (also for an unpublished app), or WorkflowInvalid
        when an earlier version cannot run any more."""
        try:
            version_id = str(UUID(workflow_id))
        except ValueError:
            raise VersionIdMalformed(f"Invalid workflow_id format: '{workflow_id}'. ") from None
        if app.published:
            if app.current is not None and app.current.id == version_id:
                return app.current
            earlier = await self._earlier_version(app, version_id)
            if earlier is not None:
                return earlier
        raise VersionNotFound(f"Workflow not found with id: {workflow_id}")

    async def reload(self, app: App) -> None:
        """Read the file of an app again. What is new takes effect for the runs that start from now
        on; when it cannot run, the version before stays and the problems are logged.

        Raises StoreError when the new version could not be stored; the next call tries again."""
        content = self._new_content(app.id)
        if content is not None:
            reading = await asyncio.to_thread(self._read, self._settings[app.id], content)
            try:
                await self._take(app.id, content, reading)
            except StoreError:
                del self._contents[app.id]
                raise

    def _new_content(self, app_id: str) -> bytes | None:
        """What the file holds, unless it held that before or cannot be read."""
        try:
            content = content_of(self._settings[app_id].workflow)
        except WorkflowInvalid as error:
            self._contents.pop(app_id, None)
            self._refuse(app_id, Reading(None, None, error.problems))
            return None
        if content == self._contents.get(app_id):
            return None
        self._contents[app_id] = content
        return content

    def _read(self, settings: AppSettings, content: str | bytes) -> Reading:
        """Whatever is wrong with one file, ourselves included, the other apps go on."""
        try:
            return read_workflow(
                content,
                self._ports,
                environment=environment_of(settings),
                node_types=self._node_types,
            )
        except Exception as error:
            logger.exception("app %s: its file could not be compiled", settings.slug)
            return reading_of_failure(error)

    async def _take(self, app_id: str, content: bytes, reading: Reading) -> None:
        if reading.workflow is None or reading.plan is None:
            self._refuse(app_id, reading)
            return
        settings, app = self._settings[app_id], self._apps[app_id]
        info = _info(settings, reading.workflow)
        await self._store.save_app(StoredApp(app_id, app.slug, info.name, info.mode))
        stored = await self._store.save_version(
            app_id, content.decode("utf-8-sig"), created_at=self._clock()
        )
        version = _version(stored, reading.workflow, reading.plan)
        self._apps[app_id] = replace(
            app,
            info=info,
            current=version,
            workflow=reading.workflow,
            problems=(),
        )
        if app.current is not None:
            logger.info("app %s: new runs are of version %s now", app.slug, version.id)

    def _refuse(self, app_id: str, reading: Reading) -> None:
        """Keep what runs, and tell what is wrong with the file."""
        settings, app = self._settings[app_id], self._apps[app_id]
        if app.problems == reading.problems:
            return
        if app.current is None and reading.workflow is not None:
            app = replace(app, info=_info(settings, reading.workflow), workflow=reading.workflow)
        self._apps[app_id] = replace(app, problems=reading.problems)
        consequence = "cannot run" if app.current is None else "goes on with the version before"
        for problem in reading.problems:
            text = format_text(str(settings.workflow), problem)
            logger.error("app %s %s: %s", app.slug, consequence, text)

    async def _earlier_version(self, app: App, version_id: str) -> Version | None:
        key = (app.id, version_id)
        version = self._earlier.get(key)
        if version is None:
            stored = await self._store.get_version(app.id, version_id)
            if stored is None:
                return None
            reading = await asyncio.to_thread(self._read, self._settings[app.id], stored.content)
            version = self._earlier[key] = _version(stored, *reading.compiled())
            if len(self._earlier) > KEPT_VERSIONS:
                self._earlier.popitem(last=False)
        self._earlier.move_to_end(key)
        return version


def _unread_app(app_id: str, settings: AppSettings) -> App:
    return App(
        id=app_id,
        slug=settings.slug,
        info=AppInfo(settings.name or settings.slug, AppMode.WORKFLOW),
        published=settings.published,
        api_enabled=settings.api_enabled,
        log_level=settings.log_level,
        current=None,
        workflow=None,
        problems=(),
    )


def _info(settings: AppSettings, workflow: Workflow) -> AppInfo:
    return workflow.app if settings.name is None else replace(workflow.app, name=settings.name)


def _version(stored: StoredVersion, workflow: Workflow, plan: Plan) -> Version:
    return Version(
        stored.id,
        stored.name,
        stored.created_at,
        workflow,
        plan,
        start_variables(workflow),
        read_chat_features(workflow.features),
        read_speech_features(workflow.features),
    )


def _keys_of(apps: Mapping[str, AppSettings], path: Path) -> dict[str, tuple[str, ...]]:
    """API keys by app id: the configured ones, else one that the server made."""
    made = kept_keys(path, [app.slug for app in apps.values() if not app.api_keys])
    return {
        app_id: tuple(key.get_secret_value() for key in app.api_keys) or (made[app.slug],)
        for app_id, app in apps.items()
    }


def _index_of(keys: Mapping[str, tuple[str, ...]]) -> dict[bytes, str]:
    return {fingerprint(key): app_id for app_id, group in keys.items() for key in group}
