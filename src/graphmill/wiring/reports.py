"""Who tells the webhooks of apps how runs end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from graphmill.api.dify.details import encoded_report
from graphmill.api.dify.wire import Wire
from graphmill.config.apps import AppSettings
from graphmill.ids import app_id_of
from graphmill.service.runs.reports import Reporter, Webhook
from graphmill.storage.database import Database
from graphmill.storage.reports import ReportStore
from graphmill.storage.runs import RunStore
from graphmill.wiring.outbound import open_client, service_rules


@asynccontextmanager
async def open_reporters(
    apps: Sequence[AppSettings], database: Database, wire: Wire
) -> AsyncIterator[dict[str, Reporter]]:
    """Of the apps with a webhook, by their ids. Each has a client of its own, as tools have."""
    store, runs = ReportStore(database), RunStore(database)
    body_of = partial(encoded_report, wire)
    reporters: dict[str, Reporter] = {}
    async with AsyncExitStack() as stack:
        for app in apps:
            if app.webhook is None:
                continue
            http = await stack.enter_async_context(open_client(service_rules(app.webhook.url)))
            app_id = app_id_of(app.slug)
            webhook = Webhook(app.webhook.url, app.webhook.key, http)
            reporters[app_id] = Reporter(app_id, webhook, store, runs, body_of)
        yield reporters
