"""Everything a server offers."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from graphmill.background import Background
from graphmill.config import Settings
from graphmill.files.signing import UrlSigner, load_key
from graphmill.service.files.access import FileAccess
from graphmill.service.files.uploads import Uploads
from graphmill.service.retention import clear_up, prune_regularly
from graphmill.service.runs.app_calls import AppCalls
from graphmill.service.runs.repeats import Repeats
from graphmill.service.runs.slots import Slots
from graphmill.service.services import Services
from graphmill.service.suggestions import Suggestions
from graphmill.service.tasks.files import TaskFiles
from graphmill.storage.end_users import EndUserStore
from graphmill.storage.knowledge import SqlKnowledge
from graphmill.storage.lock import only_server
from graphmill.storage.messages import MessageStore
from graphmill.storage.request_keys import RequestKeyStore
from graphmill.storage.uploads import UploadStore
from graphmill.wiring.knowledge import open_knowledge
from graphmill.wiring.observation import open_observation
from graphmill.wiring.outbound import open_outbound
from graphmill.wiring.outside import open_outside
from graphmill.wiring.runs import open_runs
from graphmill.wiring.storage import Storage, open_storage
from graphmill.wiring.tasks import open_tasks

NOT_BUILT: Final = frozenset({"cluster"})
"""Sections of the configuration that nothing reads yet."""

logger = logging.getLogger(__name__)


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Services]:
    """Everything, with the apps of `settings` loaded and their files watched.

    Raises ConfigInvalid or StoreError."""
    for name in sorted(settings.model_fields_set & NOT_BUILT):
        logger.warning("config.yaml says something about %s, which this version has not", name)
    limits = settings.limits
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stack.enter_context(only_server(settings.data_dir))
        http = await enter(open_outbound(settings))
        storage = await enter(open_storage(settings))
        database = storage.database
        observed = await enter(open_observation(settings))
        uploads = _uploads(settings, storage)
        files = FileAccess(uploads, http)
        end_users = EndUserStore(database)
        calls = AppCalls(end_users)
        store = SqlKnowledge(database)
        knowledge = partial(open_knowledge, settings, store, tracing=observed.tracing)
        outside = await enter(open_outside(settings, http, files, calls, knowledge, observed))
        # Before runs go on and store files.
        left = await storage.pruner.left_behind()
        opened = await enter(
            open_runs(settings, database, outside.ports, calls, uploads, files, observed)
        )
        largest = settings.http_request.max_response_bytes.binary
        task_files = TaskFiles(uploads, files, largest=largest)
        tasks = await enter(
            open_tasks(settings, database, opened.catalog, opened.runs, task_files, outside.tools)
        )
        readers = Slots(total=limits.readers, per_app=limits.readers_per_app)
        observed.watch(opened.slots, readers, database, outside.sandbox, tasks.runner)
        background = Background()
        stack.push_async_callback(background.cancel)
        background.start(prune_regularly(storage.pruner.prune), name="retention")
        background.start(clear_up(partial(storage.pruner.clear_up, left)), name="clear up")
        if observed.is_counted:
            background.start(observed.metrics.watch_loop(), name="event loop lag")
        yield Services(
            settings=settings,
            catalog=opened.catalog,
            runs=opened.runs,
            repeats=Repeats(RequestKeyStore(database), opened.runs),
            forms=opened.forms,
            conversations=opened.conversations,
            suggestions=Suggestions(outside.models, MessageStore(database)),
            speech=outside.speech,
            uploads=uploads,
            files=files,
            end_users=end_users,
            ocs=tasks,
            sandbox=outside.sandbox,
            readers=readers,
            metrics=observed.metrics,
            tracing=observed.tracing,
        )


def _uploads(settings: Settings, storage: Storage) -> Uploads:
    signer = UrlSigner(load_key(settings.data_dir / "secret.key"), settings.server.base_url)
    sizes = settings.limits.uploads_mb
    return Uploads(UploadStore(storage.database), storage.files, signer, sizes=sizes)
