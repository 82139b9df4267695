"""The apps of the server and their runs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from graphmill.api.dify.wire import Wire
from graphmill.background import Background
from graphmill.config import Settings
from graphmill.engine.driver import RunLimits
from graphmill.nodes.base import NodePorts
from graphmill.nodes.registry import NODE_TYPES
from graphmill.outbound.mail import SmtpPostman
from graphmill.service.apps.catalog import Catalog
from graphmill.service.apps.reload import reload_on_change
from graphmill.service.conversations import Conversations
from graphmill.service.files.access import FileAccess
from graphmill.service.files.uploads import Uploads
from graphmill.service.forms.forms import Forms
from graphmill.service.forms.mails import FormMails
from graphmill.service.retention import index_regularly
from graphmill.service.runs.app_calls import AppCalls
from graphmill.service.runs.dispatcher import Dispatcher
from graphmill.service.runs.recovery import Recovery
from graphmill.service.runs.runs import Runs
from graphmill.service.runs.slots import Slots
from graphmill.storage.apps import AppStore
from graphmill.storage.conversations import ConversationStore
from graphmill.storage.database import Database
from graphmill.storage.forms import FormStore
from graphmill.storage.messages import MessageStore
from graphmill.storage.orders import OrderStore
from graphmill.storage.runs import RunStore
from graphmill.wiring.observation import Observation
from graphmill.wiring.reports import open_reporters


@dataclass(frozen=True, slots=True)
class OpenRuns:
    catalog: Catalog
    runs: Runs
    slots: Slots
    """That runs take."""
    conversations: Conversations
    forms: Forms


@asynccontextmanager
async def open_runs(
    settings: Settings,
    database: Database,
    ports: NodePorts,
    calls: AppCalls,
    uploads: Uploads,
    files: FileAccess,
    observed: Observation,
) -> AsyncIterator[OpenRuns]:
    """Runs that an earlier process left behind go on. `calls` is opened. Raises ConfigInvalid or
    StoreError."""
    messages, run_store, orders = MessageStore(database), RunStore(database), OrderStore(database)
    limits, tracing = settings.limits, observed.tracing
    forms, mails = _forms(settings, database)
    catalog = Catalog(
        settings.apps,
        AppStore(database),
        replace(ports, conversations=messages, forms=forms),
        keys_path=settings.data_dir / "keys.json",
        node_types=tracing.nodes(NODE_TYPES),
    )
    journal = observed.journal(database)
    slots = Slots(total=limits.runs, per_app=limits.runs_per_app)
    async with AsyncExitStack() as stack:
        reporters = await stack.enter_async_context(
            open_reporters(settings.apps, database, Wire(uploads.url_of))
        )
        dispatcher = Dispatcher(journal, limits=run_limits(settings), around=tracing.run)
        stack.push_async_callback(dispatcher.close)
        runs = Runs(
            dispatcher,
            journal,
            run_store,
            orders,
            files,
            slots=slots,
            reporters=reporters,
            slugs=observed.slugs,
            count=observed.metrics.run_ended,
        )
        conversations = Conversations(runs, ConversationStore(database), messages, files)
        recovery = Recovery(runs, orders, catalog, uploads.url_of)
        calls.open(catalog, runs)
        forms.open(recovery)
        await runs.open()
        await catalog.open()
        await recovery.recover()
        await conversations.recover()
        background = Background()
        stack.push_async_callback(background.cancel)
        background.start(reload_on_change(catalog), name="reload")
        for app_id, reporter in reporters.items():
            background.start(reporter.send_all(), name=f"webhook of app {app_id}")
        background.start(index_regularly(run_store.index_keywords), name="index")
        background.start(forms.watch(), name="forms")
        background.start(mails.send_all(), name="mails")
        yield OpenRuns(catalog, runs, slots, conversations, forms)


def _forms(settings: Settings, database: Database) -> tuple[Forms, FormMails]:
    store = FormStore(database)
    postman = None if settings.mail.host is None else SmtpPostman(settings.mail)
    mails = FormMails(store, postman, base_url=settings.server.base_url)
    return Forms(store, mails, pause_days=settings.limits.pause_days), mails


def run_limits(settings: Settings) -> RunLimits:
    return RunLimits(seconds=settings.limits.run_seconds, steps=settings.limits.run_steps)
