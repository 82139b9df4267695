"""Tells the webhooks of apps how runs end: signed, and again until it has arrived, also after a
restart.

Signatures are those of Standard Webhooks, for which there are libraries in most languages. A
report can arrive twice, when the server dies right after it was sent: its id is that of the run."""

import asyncio
import hashlib
import hmac
import logging
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from graphmill.errors import OutboundRefused, StoreError
from graphmill.ports.http import HttpClient, HttpRequest, Timeouts
from graphmill.storage.reports import Report, ReportStore
from graphmill.storage.runs import RunRecord, RunStore

AT_A_TIME: Final = 16
"""Reports that a webhook is sent together; the others wait in the database."""
SECONDS: Final = 15.0
"""How long a receiver may take."""
PAUSES: Final = (5.0, 30.0, 120.0, 600.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0)
"""Seconds before a report is sent again; after the last one it is given up."""
AFTER_STORE_ERROR: Final = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    key: bytes
    """What signatures are made with."""
    http: HttpClient
    """Reaches this webhook, wherever it is, and no other private address."""


class Reporter:
    """Reports the runs of one app: a receiver that is slow keeps no other one waiting."""

    def __init__(
        self,
        app_id: str,
        webhook: Webhook,
        store: ReportStore,
        runs: RunStore,
        body_of: Callable[[RunRecord], bytes],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`body_of`: what the webhook is told of a run."""
        self._app_id = app_id
        self._webhook = webhook
        self._store = store
        self._runs = runs
        self._body_of = body_of
        self._clock = clock
        self._news = asyncio.Event()
        self._under_way: set[str] = set()
        """Runs that are reported now."""

    def wake(self) -> None:
        """A run has ended."""
        self._news.set()

    async def send_all(self) -> None:
        """Send what is due and what becomes due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._news.clear()
                try:
                    pause = await self._send_due(tasks)
                except StoreError as error:
                    logger.error("Reports to webhooks have to wait: %s", error.for_operator())
                    pause = AFTER_STORE_ERROR
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._news.wait()

    async def _send_due(self, tasks: asyncio.TaskGroup) -> float | None:
        """Begin to send what is due. Gives the seconds until there is more to do; None: that needs
        news. Raises StoreError."""
        while room := AT_A_TIME - len(self._under_way):
            due = await self._store.due(self._app_id, self._clock(), limit=AT_A_TIME)
            waiting = [report for report in due if report.run_id not in self._under_way]
            if not waiting:
                break
            for report in waiting[:room]:
                self._under_way.add(report.run_id)
                tasks.create_task(self._send(report))
        if self._under_way:
            return None
        moment = await self._store.next_due(self._app_id)
        return None if moment is None else max(0.0, moment - self._clock())

    async def _send(self, report: Report) -> None:
        try:
            await self._note(report, await self._fault_of(report))
        except StoreError as error:
            logger.error("Run %s is reported later: %s", report.run_id, error.for_operator())
            await asyncio.sleep(AFTER_STORE_ERROR)
        finally:
            self._under_way.discard(report.run_id)
            self._news.set()

    async def _note(self, report: Report, fault: str | None) -> None:
        """What became of an attempt; None: it has arrived. Raises StoreError."""
        if fault is None:
            logger.info("Run %s is reported to the webhook of its app", report.run_id)
            await self._store.drop(report)
        elif report.attempts < len(PAUSES):
            pause = PAUSES[report.attempts]
            logger.warning(
                "The report of run %s did not arrive (%s); next attempt in %g seconds",
                report.run_id, fault, pause,
            )  # fmt: skip
            await self._store.postpone(report, self._clock() + pause)
        else:
            logger.error("The report of run %s is given up: %s", report.run_id, fault)
            await self._store.drop(report)

    async def _fault_of(self, report: Report) -> str | None:
        """Send a report. Why did the webhook not take notice? None: it did, or the run was pruned
        meanwhile. Raises StoreError."""
        record = await self._runs.get(self._app_id, report.run_id)
        if record is None:
            return None
        body = self._body_of(record)
        request = HttpRequest(
            "POST",
            self._webhook.url,
            headers={
                "Content-Type": "application/json",
                **signed_headers(self._webhook.key, record.id, int(self._clock()), body),
            },
            body=(body,),
            timeouts=Timeouts(connect=SECONDS, read=SECONDS, write=SECONDS),
            follow_redirects=False,
        )
        try:
            async with asyncio.timeout(SECONDS), self._webhook.http.request(request) as response:
                is_taken = 200 <= response.status < 300
                return None if is_taken else f"it was answered with {response.status}"
        except (OutboundRefused, ConnectionError, TimeoutError, ValueError) as error:
            return str(error) or "no answer in time"


def signed_headers(key: bytes, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """What shows a receiver that `body` comes from here, and when: so it cannot be replayed."""
    content = b"%s.%d.%s" % (message_id.encode(), at, body)
    signature = b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{signature}",
    }
