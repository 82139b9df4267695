"""Puts everything together; the only module that knows all concrete classes.

What is opened here is closed in reverse order: first the runs end, last the database is closed.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from graphmill.api.dify.details import encoded_report
from graphmill.api.dify.wire import Wire
from graphmill.background import Background
from graphmill.config import Settings
from graphmill.config.apps import AppSettings
from graphmill.config.knowledge import KnowledgeSettings
from graphmill.config.models import ModelSettings
from graphmill.config.speech import SpeechToTextSettings, TextToSpeechSettings
from graphmill.config.storage import StorageKind
from graphmill.documents.reader import CHILD, TEXT_CHARACTERS, DocumentLimits, Documents
from graphmill.engine.driver import RunLimits
from graphmill.errors import ConfigInvalid
from graphmill.files.local import LocalFiles
from graphmill.files.s3 import S3Files
from graphmill.files.signing import UrlSigner, load_key
from graphmill.ids import app_id_of
from graphmill.knowledge.configured import ConfiguredKnowledge, MappedSource
from graphmill.knowledge.external import ExternalSource
from graphmill.knowledge.local import LocalSource
from graphmill.knowledge.source import Source
from graphmill.models import demo, openai
from graphmill.models.configured import ConfiguredModels
from graphmill.models.endpoint import Endpoint
from graphmill.nodes.base import NodePorts
from graphmill.nodes.registry import NODE_TYPES
from graphmill.observation.counted import CountedJournal
from graphmill.observation.metrics import Metrics, Values
from graphmill.observation.tracing import Tracing
from graphmill.outbound.client import OutboundClient
from graphmill.outbound.guard import OutboundRules
from graphmill.outbound.urls import Target
from graphmill.ports.files import FileStore, FileVault
from graphmill.ports.http import HttpClient, HttpLimits, Timeouts
from graphmill.ports.knowledge import Knowledge, KnowledgeStore, NoKnowledge
from graphmill.ports.models import ModelCall, Models
from graphmill.ports.speech import Listener, Speaker
from graphmill.ports.tools import Toolbox
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.own_module import ModuleSandbox
from graphmill.sandbox.runner import Sandbox
from graphmill.sandbox.templates import SandboxTemplates
from graphmill.service.accounts import Accounts
from graphmill.service.app_calls import AppCalls
from graphmill.service.apps import Catalog
from graphmill.service.bench import Bench
from graphmill.service.conversations import Conversations
from graphmill.service.dispatcher import END_SECONDS, Dispatcher
from graphmill.service.file_access import FileAccess
from graphmill.service.forms import Forms
from graphmill.service.loose_files import LooseFiles
from graphmill.service.recovery import Recovery
from graphmill.service.reload import reload_on_change
from graphmill.service.repeats import Repeats
from graphmill.service.reports import Reporter, Webhook
from graphmill.service.retention import clear_up, index_regularly, prune_regularly
from graphmill.service.runs import Runs
from graphmill.service.secrets import SecretCheck
from graphmill.service.services import Services, TaskServices
from graphmill.service.slots import Slots
from graphmill.service.speech import Speech
from graphmill.service.suggestions import Suggestions
from graphmill.service.tasks.files import TaskFiles
from graphmill.service.tasks.lifecycle import Lifecycle
from graphmill.service.tasks.outgoing import Outgoing
from graphmill.service.tasks.runner import TaskRunner
from graphmill.service.tasks.task_types import TaskTypes
from graphmill.service.tasks.tasks import Tasks
from graphmill.service.tasks.workers import Workers
from graphmill.service.uploads import Uploads
from graphmill.speech.espeak import Espeak
from graphmill.speech.openai import OpenAIListener, OpenAISpeaker, endpoint_of
from graphmill.storage.app_passwords import AppPasswordStore
from graphmill.storage.apps import AppStore
from graphmill.storage.conversations import ConversationStore
from graphmill.storage.database import Database, open_database
from graphmill.storage.end_users import EndUserStore
from graphmill.storage.forms import FormStore
from graphmill.storage.journal import SqlJournal
from graphmill.storage.knowledge import SqlKnowledge
from graphmill.storage.lock import only_server
from graphmill.storage.memory import MemoryJournal
from graphmill.storage.messages import MessageStore
from graphmill.storage.ocs_providers import ProviderStore
from graphmill.storage.ocs_tasks import TaskStore
from graphmill.storage.orders import OrderStore
from graphmill.storage.prune import Pruner
from graphmill.storage.reports import ReportStore
from graphmill.storage.request_keys import RequestKeyStore
from graphmill.storage.runs import RunStore
from graphmill.storage.uploads import UploadStore
from graphmill.tools.audio import audio_tools
from graphmill.tools.clock import time_tools
from graphmill.tools.configured import configured_providers
from graphmill.tools.images import Painter
from graphmill.tools.toolbox import ConfiguredTools, ToolSet
from graphmill.tools.workflow import Apps, NoApps

if TYPE_CHECKING:
    from graphmill.knowledge.intake import Intake

NOT_BUILT: Final = frozenset({"cluster"})
"""Sections of the configuration that nothing reads yet."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Storage:
    """What lasts: the database and the bytes of files."""

    database: Database
    files: FileStore
    pruner: Pruner


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """Open it, with the tables of this version. Raises ConfigInvalid or StoreError."""
    url = settings.database_url
    async with (
        open_files(settings, settings.storage.kind) as files,
        open_database(
            None if url is None else url.get_secret_value(), settings.data_dir
        ) as database,
    ):
        pruner = Pruner(database, files, settings.retention, tasks_days=settings.ocs.retention_days)
        yield Storage(database, files, pruner)


@asynccontextmanager
async def open_files(settings: Settings, kind: StorageKind) -> AsyncIterator[FileStore]:
    """The file store of that kind. Raises ConfigInvalid."""
    if kind is StorageKind.LOCAL:
        yield LocalFiles(settings.data_dir / "files")
        return
    if settings.storage.s3.bucket is None:
        raise ConfigInvalid("storage.s3.bucket is missing: name the bucket for the files")
    files = S3Files(settings.storage.s3)
    try:
        yield files
    finally:
        await files.close()


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Services]:
    """Everything a server offers, with the apps of `settings` loaded and their files watched.

    Raises ConfigInvalid or StoreError."""
    for name in sorted(settings.model_fields_set & NOT_BUILT):
        logger.warning("config.yaml says something about %s, which this version has not", name)
    data = settings.data_dir
    async with AsyncExitStack() as stack:
        stack.enter_context(only_server(data))
        http = await stack.enter_async_context(_outbound(settings))
        sandbox = await stack.enter_async_context(open_sandbox(settings))
        storage = await stack.enter_async_context(open_storage(settings))
        database = storage.database
        slugs = {app_id_of(app.slug): app.slug for app in settings.apps}
        metrics = Metrics(slugs)
        is_counted = settings.metrics.token is not None
        journal = CountedJournal(database, metrics) if is_counted else SqlJournal(database)
        tracing = await stack.enter_async_context(_tracing(settings, slugs))
        signer = UrlSigner(load_key(data / "secret.key"), settings.server.base_url)
        uploads = Uploads(
            UploadStore(database), storage.files, signer, sizes=settings.limits.uploads_mb
        )
        files = FileAccess(uploads, http)
        documents = await stack.enter_async_context(open_documents(settings, files))
        models = await stack.enter_async_context(
            open_models(settings, files, tracing, metrics.model_called)
        )
        speech = await stack.enter_async_context(open_speech(settings))
        messages = MessageStore(database)
        end_users = EndUserStore(database)
        forms = Forms(FormStore(database), pause_days=settings.limits.pause_days)
        calls = AppCalls(end_users)
        tools = await stack.enter_async_context(open_tools(settings, calls, models, speech, files))
        knowledge = await stack.enter_async_context(
            open_knowledge(settings, SqlKnowledge(database), models)
        )
        ports = _ports(
            settings,
            tracing.http(http),
            files,
            sandbox,
            documents,
            tracing.models(models),
            tools,
            knowledge,
        )
        catalog = Catalog(
            settings.apps,
            AppStore(database),
            replace(ports, conversations=messages, forms=forms),
            keys_path=data / "keys.json",
            node_types=tracing.nodes(NODE_TYPES),
        )
        dispatcher = Dispatcher(journal, limits=_limits(settings), around=tracing.run)
        stack.push_async_callback(dispatcher.close)
        run_store = RunStore(database)
        body_of = partial(encoded_report, Wire(uploads.url_of))
        reporters = {
            app_id: Reporter(app_id, webhook, ReportStore(database), run_store, body_of)
            for app_id, webhook in await stack.enter_async_context(_webhooks(settings.apps))
        }
        limits = settings.limits
        slots = Slots(total=limits.runs, per_app=limits.runs_per_app)
        readers = Slots(total=limits.readers, per_app=limits.readers_per_app)
        orders = OrderStore(database)
        runs = Runs(
            dispatcher,
            journal,
            run_store,
            orders,
            files,
            slots=slots,
            reporters=reporters,
            slugs=slugs,
            count=metrics.run_ended,
        )
        calls.open(catalog, runs)
        await runs.open()
        conversations = Conversations(runs, ConversationStore(database), messages, files)
        await catalog.open()
        recovery = Recovery(runs, orders, catalog, uploads.url_of)
        forms.open(recovery)
        left = await storage.pruner.left_behind()
        await recovery.recover()
        await conversations.recover()
        background = Background()
        stack.push_async_callback(background.cancel)
        background.start(reload_on_change(catalog), name="reload")
        for app_id, reporter in reporters.items():
            background.start(reporter.send_all(), name=f"webhook of app {app_id}")
        background.start(prune_regularly(storage.pruner.prune), name="retention")
        background.start(index_regularly(run_store.index_keywords), name="index")
        background.start(forms.watch(), name="forms")
        background.start(clear_up(partial(storage.pruner.clear_up, left)), name="clear up")
        largest = settings.http_request.max_response_bytes.binary
        task_files = TaskFiles(uploads, files, largest=largest)
        ocs = await stack.enter_async_context(
            _tasks(settings, database, catalog, runs, task_files, tools)
        )
        metrics.watch("graphmill_runs", "Runs that go on.", ("app",), _by_app(slots, slugs))
        metrics.watch(
            "graphmill_event_streams", "Open event streams.", ("app",), _by_app(readers, slugs)
        )
        metrics.watch(
            "graphmill_database_writes_waiting",
            "Writes that wait for the database.",
            (),
            lambda: {(): database.writes_waiting},
        )
        metrics.watch(
            "graphmill_sandbox_calls",
            "Calls of code: processes that run, and those that wait for one.",
            ("state",),
            lambda: _states(**asdict(sandbox.load())),
        )
        metrics.watch(
            "graphmill_tasks",
            "Tasks of Nextcloud's clients that workflows execute, and those that wait.",
            ("state",),
            lambda: _states(running=ocs.runner.active, waiting=ocs.runner.waiting),
        )
        if is_counted:
            background.start(metrics.watch_loop(), name="event loop lag")
        yield Services(
            settings,
            catalog,
            runs,
            Repeats(RequestKeyStore(database), runs),
            forms,
            conversations,
            Suggestions(models, messages),
            speech,
            uploads,
            files,
            end_users,
            ocs,
            sandbox,
            readers,
            metrics,
            tracing,
        )


def _by_app(slots: Slots, slugs: Mapping[str, str]) -> Callable[[], Values]:
    return lambda: {(slugs.get(app_id, app_id),): count for app_id, count in slots.taken.items()}


def _states(**counts: int) -> Values:
    return {(state,): count for state, count in counts.items()}


@asynccontextmanager
async def _tracing(settings: Settings, slugs: Mapping[str, str]) -> AsyncIterator[Tracing]:
    """Raises ConfigInvalid when traces are wanted, and what makes them is not installed."""
    if settings.traces.endpoint is None:
        yield Tracing()
        return
    try:
        # Most servers never need it.
        from graphmill.observation.traces import Traces  # noqa: PLC0415
    except ImportError as error:
        raise ConfigInvalid(
            f"traces.endpoint is set, but OpenTelemetry is not installed: {error}. "
            "Install graphmill[otel]."
        ) from error
    async with _client(_service_rules(settings.traces.endpoint)) as http:
        traces = Traces(settings.traces, http, slugs)
        try:
            yield traces
        finally:
            await traces.close()


@asynccontextmanager
async def _webhooks(apps: Sequence[AppSettings]) -> AsyncIterator[list[tuple[str, Webhook]]]:
    """With the ids of their apps. Each has a client of its own, as tools have."""
    async with AsyncExitStack() as stack:
        webhooks = []
        for app in apps:
            if app.webhook is not None:
                url, key = app.webhook.url, app.webhook.key
                http = await stack.enter_async_context(_client(_service_rules(url)))
                webhooks.append((app_id_of(app.slug), Webhook(url, key, http)))
        yield webhooks


@asynccontextmanager
async def _tasks(
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
        _client(_rules("ocs.webhook_allow_private", ocs.webhook_allow_private)) as outside,
        _client(_service_rules(*addresses)) as inside,
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


@asynccontextmanager
async def build_bench(settings: Settings) -> AsyncIterator[Bench]:
    """What a single run on the terminal needs; nothing is stored."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(_outbound(settings))
        sandbox = await stack.enter_async_context(open_sandbox(settings))
        files = LooseFiles(http)
        documents = await stack.enter_async_context(open_documents(settings, files))
        models = await stack.enter_async_context(open_models(settings, files))
        speech = await stack.enter_async_context(open_speech(settings))
        tools = await stack.enter_async_context(
            open_tools(settings, NoApps(), models, speech, files)
        )
        knowledge = await stack.enter_async_context(_bench_knowledge(settings, models))
        ports = _ports(settings, http, files, sandbox, documents, models, tools, knowledge)
        bench = Bench(ports, files, MemoryJournal(), limits=_limits(settings))
        try:
            yield bench
        finally:
            await bench.close()


@asynccontextmanager
async def _outbound(settings: Settings) -> AsyncIterator[OutboundClient]:
    async with _client(_rules("http_request.allow", settings.http_request.allow)) as client:
        yield client


def _rules(name: str, allowed: Sequence[str]) -> OutboundRules:
    try:
        return OutboundRules.parse(allowed)
    except ValueError as error:
        raise ConfigInvalid(f"{name}: {error}") from None


@asynccontextmanager
async def _client(
    rules: OutboundRules, *, proxy: str | None = None
) -> AsyncIterator[OutboundClient]:
    client = OutboundClient(rules, proxy=proxy)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def open_sandbox(
    settings: Settings, *, layers_off: Sequence[str] = ()
) -> AsyncIterator[Sandbox]:
    """Where code runs; it starts with the first call. `layers_off` as in `Sandbox`."""
    async with _client(_service_rules(settings.sandbox.remote.endpoint)) as http:
        sandbox = Sandbox(
            settings.sandbox, http, packages_dir=settings.packages_dir, layers_off=layers_off
        )
        try:
            yield sandbox
        finally:
            await sandbox.close()


@asynccontextmanager
async def open_documents(settings: Settings, files: FileVault) -> AsyncIterator[Documents]:
    """Where documents are read; its sandbox starts with the first."""
    limits = settings.documents
    largest = settings.limits.uploads_mb.document << 20
    sandbox = ModuleSandbox(
        settings.sandbox,
        CodeLimits(
            wall_seconds=limits.seconds,
            cpu_seconds=limits.seconds,
            memory_bytes=limits.memory_mb << 20,
            result_characters=TEXT_CHARACTERS,
            # Base64, and a little around it.
            input_bytes=largest * 4 // 3 + 4096,
            running=limits.concurrency,
        ),
        CHILD,
    )
    try:
        yield Documents(files, sandbox, DocumentLimits(largest, limits.concurrency))
    finally:
        await sandbox.close()


@asynccontextmanager
async def open_models(
    settings: Settings,
    files: FileVault,
    tracing: Tracing | None = None,
    told: Callable[[ModelCall], None] = lambda call: None,
) -> AsyncIterator[ConfiguredModels]:
    """The operator's models; providers without a proxy, or with the same one, share a client."""
    tracing = tracing or Tracing()
    async with AsyncExitStack() as stack:
        clients = {
            proxy: await stack.enter_async_context(
                _client(_provider_rules(settings.models, proxy), proxy=proxy)
            )
            for proxy in {entry.proxy for entry in settings.models}
        }
        models = ConfiguredModels(
            settings.models, files, lambda entry: tracing.calls(clients[entry.proxy]), told
        )
        stack.callback(models.close)
        yield models


def _provider_rules(entries: Sequence[ModelSettings], proxy: str | None) -> OutboundRules:
    reached = [entry for entry in entries if entry.proxy == proxy]
    hosts = _service_rules(proxy, *(entry.base_url for entry in reached)).hosts
    if any(entry.kind == "demo" for entry in reached):
        hosts |= {(demo.HOST, None)}
    return OutboundRules(hosts=hosts)


@asynccontextmanager
async def open_tools(
    settings: Settings, apps: Apps, painter: Painter, speech: Speech, files: FileVault
) -> AsyncIterator[ConfiguredTools]:
    """All tools. Each provider has a client of its own, which reaches no other's private address.
    Raises ConfigInvalid."""
    async with AsyncExitStack() as stack:

        def client_for(url: str) -> OutboundClient:
            client = OutboundClient(_service_rules(url))
            stack.push_async_callback(client.close)
            return client

        mapped = configured_providers(
            settings.tools, apps, painter, client_for, _http_limits(settings)
        )
        largest = settings.limits.uploads_mb.audio << 20
        built_in = {
            "audio": audio_tools(speech, files, largest=largest),
            "time": ToolSet(time_tools(partial(datetime.now, UTC))),
        }
        yield ConfiguredTools(tuple(mapped), built_in, base_url=settings.server.base_url)


@asynccontextmanager
async def open_speech(settings: Settings) -> AsyncIterator[Speech]:
    """Nothing is started or connected before something is spoken."""
    spoken, written = settings.speech.text_to_speech, settings.speech.speech_to_text
    async with AsyncExitStack() as stack:

        async def endpoint(entry: TextToSpeechSettings | SpeechToTextSettings) -> Endpoint:
            base_url = entry.base_url or openai.BASE_URL
            http = await stack.enter_async_context(_client(_service_rules(base_url)))
            return endpoint_of(base_url, entry.api_key, http)

        listener: Listener | None = None
        if written is not None:
            listener = OpenAIListener(await endpoint(written), model=written.model)
        if spoken.kind == "openai":
            speaker: Speaker = OpenAISpeaker(
                await endpoint(spoken), model=spoken.model, voice=spoken.voice
            )
        else:
            speaker = espeak = Espeak(spoken.voice)
            stack.push_async_callback(espeak.close)
        yield Speech(speaker, listener)


@asynccontextmanager
async def open_knowledge(
    settings: Settings, store: KnowledgeStore, models: ConfiguredModels
) -> AsyncIterator[ConfiguredKnowledge]:
    """All datasets. Each service has a client of its own, as tools have."""
    async with AsyncExitStack() as stack:

        async def source_of(entry: KnowledgeSettings) -> Source:
            if entry.kind == "local":
                return LocalSource(entry, store, models)
            rules = _service_rules(entry.endpoint)
            return ExternalSource(entry, await stack.enter_async_context(_client(rules)))

        sources = [MappedSource(entry, await source_of(entry)) for entry in settings.knowledge]
        yield ConfiguredKnowledge(sources, models)


@asynccontextmanager
async def _bench_knowledge(
    settings: Settings, models: ConfiguredModels
) -> AsyncIterator[Knowledge]:
    """The same for a run on the terminal, which opens no database unless there is a base in it."""
    if not settings.knowledge:
        yield NoKnowledge()
        return
    async with (
        open_storage(settings) as storage,
        open_knowledge(settings, SqlKnowledge(storage.database), models) as knowledge,
    ):
        yield knowledge


@asynccontextmanager
async def open_intake(
    settings: Settings, entry: KnowledgeSettings
) -> AsyncIterator[tuple["Intake", LooseFiles]]:
    """What takes documents into the base of `entry`, and where it finds them. Raises ConfigInvalid
    or StoreError."""
    # Keeps start-up fast: no server takes anything in.
    from graphmill.knowledge.intake import Intake  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        files = LooseFiles(await stack.enter_async_context(_outbound(settings)))
        storage = await stack.enter_async_context(open_storage(settings))
        documents = await stack.enter_async_context(open_documents(settings, files))
        models = await stack.enter_async_context(open_models(settings, files))
        yield Intake(entry, SqlKnowledge(storage.database), models, documents), files


def _service_rules(*endpoints: str | None) -> OutboundRules:
    """The operator's own services are mostly at private addresses; no workflow says where they
    are."""
    targets = [Target.parse(endpoint) for endpoint in endpoints if endpoint is not None]
    return OutboundRules(hosts=frozenset((target.host, target.port) for target in targets))


def _ports(
    settings: Settings,
    http: HttpClient,
    files: FileVault,
    sandbox: Sandbox,
    documents: Documents,
    models: Models,
    tools: Toolbox,
    knowledge: Knowledge,
) -> NodePorts:
    return NodePorts(
        http=http,
        files=files,
        templates=SandboxTemplates(sandbox),
        code=sandbox,
        documents=documents,
        models=models,
        http_limits=_http_limits(settings),
        tools=tools,
        knowledge=knowledge,
        reasoning_chunks=settings.server.reasoning_chunks,
    )


def _http_limits(settings: Settings) -> HttpLimits:
    timeouts = settings.http_request.timeout_seconds
    sizes = settings.http_request.max_response_bytes
    return HttpLimits(
        Timeouts(timeouts.connect, timeouts.read, timeouts.write), sizes.text, sizes.binary
    )


def _limits(settings: Settings) -> RunLimits:
    return RunLimits(seconds=settings.limits.run_seconds, steps=settings.limits.run_steps)
