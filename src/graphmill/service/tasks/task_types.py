"""The task types that can be executed now, each with whoever executes it (`nextcloud-ocs §19.4,
§19.6`)."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from graphmill.config.models import ModelSettings
from graphmill.config.ocs import OcsSettings, TaskTypeSettings
from graphmill.dsl.model import Workflow
from graphmill.dsl.rules import ModelUse, NodeFacts
from graphmill.errors import ConfigInvalid, NotPublished, WorkflowInvalid
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.tools import Toolbox, ToolRef
from graphmill.service.apps.catalog import App, Catalog, Version
from graphmill.service.tasks.catalogue import CATALOGUE
from graphmill.service.tasks.offers import Offer, WorkerBacking
from graphmill.service.tasks.registrations import Provider
from graphmill.service.tasks.shapes import TaskType
from graphmill.service.tasks.workers import Workers
from graphmill.service.tasks.workflow_types import bound, configured, published, slug_of

logger = logging.getLogger(__name__)


class TaskTypes:
    def __init__(
        self,
        settings: OcsSettings,
        catalog: Catalog,
        workers: Workers,
        models: Sequence[ModelSettings],
        tools: Toolbox,
    ) -> None:
        self._settings = settings
        self._models = models
        self._tools = tools
        self._catalog = catalog
        self._workers = workers
        self._made: dict[str, tuple[str, Offer | None]] = {}

    def check(self) -> None:
        """Raises ConfigInvalid when a workflow does not have what its task type needs."""
        for type_id, settings in self._settings.task_types.items():
            running = self._running(settings.workflow)
            if running is not None:
                self._bind(type_id, settings, *running)

    def all(self) -> Iterator[Offer]:
        """In the order of the configuration, then of registration."""
        published_ids = (
            f"app:{slug_of(app)}"
            for slug in self._settings.publish_workflows
            if (app := self._catalog.find(slug)) is not None
        )
        registered = (provider.type_id for provider in self._workers.providers())
        ids = dict.fromkeys((*self._settings.task_types, *registered, *published_ids))
        return (offer for type_id in ids if (offer := self.find(type_id)) is not None)

    def find(self, type_id: str) -> Offer | None:
        """The preferred provider is the configured one, else the first that was registered."""
        settings = self._settings.task_types.get(type_id)
        if settings is not None and settings.provider is not None:
            return self._of_provider(type_id, settings, settings.provider)
        if settings is not None and settings.workflow is not None:
            bind = self._binding(type_id, settings)
            offer = self._of_workflow(type_id, settings.workflow, bind)
            if offer is not None:
                return offer
        for provider in self._workers.providers():
            if provider.type_id == type_id and provider.type is not None:
                return _registered(provider, provider.type)
        for slug in self._settings.publish_workflows:
            app = self._catalog.find(slug)
            if app is not None and f"app:{slug_of(app)}" == type_id:
                return self._of_workflow(type_id, slug, published)
        return None

    def _of_workflow(
        self, type_id: str, slug: str, make: Callable[[App, Version], Offer]
    ) -> Offer | None:
        """Made once for each version."""
        running = self._running(slug)
        if running is None:
            return None
        app, version = running
        key = f"{version.id} {app.info.name}"
        if self._made.get(type_id, ("",))[0] != key:
            try:
                offer = make(app, version) if self._is_equipped(version.workflow) else None
                self._made[type_id] = (key, offer)
            except ConfigInvalid as error:
                logger.error("The task type %s is not offered: %s", type_id, error)
                self._made[type_id] = (key, None)
        return self._made[type_id][1]

    def _running(self, slug: str | None) -> tuple[App, Version] | None:
        app = None if slug is None else self._catalog.find(slug)
        if app is None:
            return None
        try:
            return app, app.published_version()
        except (NotPublished, WorkflowInvalid):
            return None

    def _is_equipped(self, workflow: Workflow) -> bool:
        """Does the configuration have each model and each tool that its nodes name?"""
        return all(
            all(self._has_model(use) for use in facts.models)
            and all(self._tools.has(ToolRef(use.provider, use.name)) for use in facts.tools)
            for facts in _facts_of(workflow)
        )

    def _has_model(self, use: ModelUse) -> bool:
        return any(entry.serves(use.provider, use.name) for entry in self._models)

    def _binding(self, type_id: str, settings: TaskTypeSettings) -> Callable[[App, Version], Offer]:
        return lambda app, version: self._bind(type_id, settings, app, version)

    def _bind(self, type_id: str, settings: TaskTypeSettings, app: App, version: Version) -> Offer:
        known = CATALOGUE.get(type_id)
        if known is not None:
            return bound(known, settings, app, version)
        offer = published(app, version)
        task_type = replace(configured(settings, offer.type), id=type_id)
        return replace(offer, type=task_type, expected_seconds=settings.expected_runtime)

    def _of_provider(
        self, type_id: str, settings: TaskTypeSettings, provider_id: str
    ) -> Offer | None:
        """A provider that the configuration names need not be registered, but goes when its worker
        takes a registration back (`§19.6`)."""
        for provider in self._workers.providers():
            if (provider.id, provider.type_id) == (provider_id, type_id) and provider.type:
                return _registered(provider, configured(settings, provider.type))
        worker = self._workers.find(provider_id.partition(":")[0])
        known = CATALOGUE.get(type_id)
        if known is None or worker is None or not worker.is_enabled:
            return None
        if self._workers.has_unregistered(worker.id, provider_id):
            return None
        backing = WorkerBacking(worker.id, provider_id)
        return Offer(configured(settings, known), backing, settings.expected_runtime)


def _registered(provider: Provider, task_type: TaskType) -> Offer:
    backing = WorkerBacking(provider.worker_id, provider.id)
    return Offer(task_type, backing, provider.expected_seconds)


def _facts_of(workflow: Workflow) -> Iterator[NodeFacts]:
    for node in workflow.nodes:
        node_type = NODE_TYPES.get(node.type)
        facts = None if node_type is None else node_type.facts(node.data)
        if facts is not None:
            yield facts
