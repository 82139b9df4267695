"""Puts everything together; the only module that knows all concrete classes.

What is opened here is closed in reverse order: first the runs end, last the database is closed.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from graphmill.background import Background
from graphmill.config import Settings
from graphmill.engine.driver import RunLimits
from graphmill.errors import ConfigInvalid
from graphmill.files.local import LocalFiles
from graphmill.files.signing import UrlSigner, load_key
from graphmill.nodes.base import NodePorts
from graphmill.outbound.client import OutboundClient
from graphmill.outbound.guard import OutboundRules
from graphmill.ports import FileVault, HttpClient, HttpLimits, Timeouts
from graphmill.sandbox.templates import InlineTemplates
from graphmill.service.apps import Catalog
from graphmill.service.bench import Bench
from graphmill.service.dispatcher import Dispatcher
from graphmill.service.file_access import FileAccess
from graphmill.service.loose_files import LooseFiles
from graphmill.service.reload import reload_on_change
from graphmill.service.runs import Runs
from graphmill.service.services import Services
from graphmill.service.uploads import Uploads
from graphmill.storage.apps import AppStore
from graphmill.storage.database import open_database
from graphmill.storage.end_users import EndUserStore
from graphmill.storage.journal import SqlJournal
from graphmill.storage.memory import MemoryJournal
from graphmill.storage.runs import RunStore
from graphmill.storage.uploads import UploadStore


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Services]:
    """Everything a server offers, with the apps of `settings` loaded and their files watched.

    Raises ConfigInvalid or StoreError."""
    data = settings.data_dir
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(_outbound(settings))
        database = await stack.enter_async_context(open_database(_database_url(settings), data))
        journal = SqlJournal(database)
        signer = UrlSigner(load_key(data / "secret.key"), settings.server.base_url)
        uploads = Uploads(
            UploadStore(database),
            LocalFiles(data / "files"),
            signer,
            sizes=settings.limits.uploads_mb,
        )
        files = FileAccess(uploads, http)
        catalog = Catalog(
            settings.apps,
            AppStore(database),
            _ports(settings, http, files),
            keys_path=data / "keys.json",
        )
        dispatcher = Dispatcher(journal, limits=_limits(settings))
        stack.push_async_callback(dispatcher.close)
        runs = Runs(
            dispatcher,
            journal,
            RunStore(database),
            files,
            runs_per_app=settings.limits.runs_per_app,
        )
        await runs.recover()
        await catalog.open()
        background = Background()
        stack.push_async_callback(background.cancel)
        background.start(reload_on_change(catalog), name="reload")
        yield Services(settings, catalog, runs, uploads, EndUserStore(database))


@asynccontextmanager
async def build_bench(settings: Settings) -> AsyncIterator[Bench]:
    """What a single run on the terminal needs; nothing is stored."""
    async with _outbound(settings) as http:
        files = LooseFiles(http)
        bench = Bench(
            _ports(settings, http, files), files, MemoryJournal(), limits=_limits(settings)
        )
        try:
            yield bench
        finally:
            await bench.close()


@asynccontextmanager
async def _outbound(settings: Settings) -> AsyncIterator[OutboundClient]:
    try:
        rules = OutboundRules.parse(settings.http_request.allow)
    except ValueError as error:
        raise ConfigInvalid(f"http_request.allow: {error}") from None
    client = OutboundClient(rules)
    try:
        yield client
    finally:
        await client.close()


def _ports(settings: Settings, http: HttpClient, files: FileVault) -> NodePorts:
    timeouts = settings.http_request.timeout_seconds
    sizes = settings.http_request.max_response_bytes
    return NodePorts(
        http=http,
        files=files,
        templates=InlineTemplates(),
        http_limits=HttpLimits(
            Timeouts(timeouts.connect, timeouts.read, timeouts.write), sizes.text, sizes.binary
        ),
    )


def _limits(settings: Settings) -> RunLimits:
    return RunLimits(seconds=settings.limits.run_seconds, steps=settings.limits.run_steps)


def _database_url(settings: Settings) -> str | None:
    return None if settings.database_url is None else settings.database_url.get_secret_value()
