"""Nextcloud's tasks, those who make them and those who execute them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graphmill.background import Background
from graphmill.config import Settings
from graphmill.ports.tools import Toolbox
from graphmill.service.accounts import Accounts
from graphmill.service.apps.catalog import Catalog
from graphmill.service.runs.dispatcher import END_SECONDS
from graphmill.service.runs.runs import Runs
from graphmill.service.secrets import SecretCheck
from graphmill.service.services import TaskServices
from graphmill.service.tasks.files import TaskFiles
from graphmill.service.tasks.lifecycle import Lifecycle
from graphmill.service.tasks.outgoing import Outgoing
from graphmill.service.tasks.runner import TaskRunner
from graphmill.service.tasks.task_types import TaskTypes
from graphmill.service.tasks.tasks import Tasks
from graphmill.service.tasks.workers import Workers
from graphmill.storage.app_passwords import AppPasswordStore
from graphmill.storage.database import Database
from graphmill.storage.ocs_providers import ProviderStore
from graphmill.storage.ocs_tasks import TaskStore
from graphmill.wiring.outbound import open_client, rules_of, service_rules


@asynccontextmanager
async def open_tasks(
    settings: Settings,
    database: Database,
    catalog: Catalog,
    runs: Runs,
    files: TaskFiles,
    tools: Toolbox,
) -> AsyncIterator[TaskServices]:
    """Nextcloud's tasks; those that an earlier process left behind go on. Raises ConfigInvalid or
    StoreError."""
    ocs = settings.ocs
    check = SecretCheck()
    accounts = Accounts(ocs.users, AppPasswordStore(database), check)
    workers = Workers(ocs.ex_apps, ProviderStore(database), check)
    await accounts.open()
    await workers.open()
    types = TaskTypes(ocs, catalog, workers, settings.models, tools)
    types.check()
    addresses = [worker.url for worker in workers.all if worker.url is not None]
    store = TaskStore(database)
    background = Background()
    async with (
        open_client(rules_of("ocs.webhook_allow_private", ocs.webhook_allow_private)) as outside,
        open_client(service_rules(*addresses)) as inside,
    ):
        outgoing = Outgoing(workers, outside=outside, inside=inside)
        lifecycle = Lifecycle(store, outgoing)
        runner = TaskRunner(runs, types, store, lifecycle, files, at_a_time=ocs.tasks_at_a_time)
        tasks = Tasks(types, store, lifecycle, runner, files, outgoing)
        await tasks.recover()
        background.start(tasks.end_lost(), name="leases")
        for worker in workers.all:
            if worker.is_enabled and worker.url and workers.secret_of(worker) is not None:
                background.start(outgoing.activate(worker), name=f"worker {worker.id}")
        try:
            yield TaskServices(tasks, accounts, workers, outgoing, runner)
        finally:
            await background.cancel()
            # How the runs ended is recorded in their tasks.
            await runs.close()
            await runner.close(seconds=END_SECONDS)
            await outgoing.close()
