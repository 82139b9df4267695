"""Calls that this server makes for tasks: webhooks, and those to workers (`nextcloud-ocs §12.3,
§12.4, §13`). What fails is logged and changes nothing."""

import asyncio
import logging
import posixpath
import re
from base64 import b64encode
from typing import Any, Final
from urllib.parse import quote, unquote

from graphmill.background import Background
from graphmill.errors import OutboundRefused
from graphmill.ids import new_id
from graphmill.jsontext import decode, encode
from graphmill.ports.http import HttpClient, HttpRequest, Timeouts
from graphmill.service.tasks.wire import task_fields
from graphmill.service.tasks.workers import Worker, Workers
from graphmill.storage.ocs_tasks import Task

TIMEOUTS: Final = Timeouts(connect=10.0, read=30.0, write=30.0)
ENABLE_TIMEOUTS: Final = Timeouts(connect=10.0, read=60.0, write=60.0)
AA_VERSION: Final = "5.0.0"
CALLS_AT_A_TIME: Final = 500
"""Further ones are dropped."""
HEARTBEAT_SECONDS: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Pauses before a worker is asked again whether it is there; the last one is repeated."""
ANSWER_BYTES: Final = 64 * 1024

_GOVERNING: Final = frozenset({"/heartbeat", "/init", "/enabled", "/trigger"})
"""Paths at which a worker takes orders from this server only."""
_HTTP_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})

logger = logging.getLogger(__name__)


class Outgoing:
    """`outside` reaches what webhooks may, `inside` the workers of the configuration."""

    def __init__(self, workers: Workers, *, outside: HttpClient, inside: HttpClient) -> None:
        self._workers = workers
        self._outside = outside
        self._inside = inside
        self._calls = Background()
        self._under_way = 0
        self._initialised: dict[str, asyncio.Event] = {}

    def tell(self, task: Task) -> None:
        """Call the webhook of a task that has ended."""
        method, uri = task.webhook_method, task.webhook_uri
        if not method or not uri:
            return
        kind, _, rest = method.partition(":")
        body = {"task": task_fields(task)}
        if kind == "HTTP" and rest in _HTTP_METHODS:
            self._start(self._outside, rest, uri, body, {})
        elif kind == "AppAPI":
            worker_id, _, verb = rest.rpartition(":")
            worker = self._workers.find(worker_id)
            is_sound = verb in _HTTP_METHODS and uri[0] == "/" and not _governs(uri)
            if worker is not None and worker.url and is_sound:
                self._start(self._inside, verb, worker.url + uri, body, self._headers(worker))

    def trigger(self, worker_id: str, provider: str) -> None:
        """Wake a worker up: there is a task for it."""
        worker = self._workers.find(worker_id)
        if worker is not None and worker.url:
            url = f"{worker.url}/trigger?providerId={quote(provider, safe=':')}"
            self._start(self._inside, "POST", url, None, self._headers(worker))

    async def activate(self, worker: Worker) -> None:
        """Bring a worker up, once it answers: it registers its providers then (`§12.3`)."""
        assert worker.url is not None, "only workers with a URL are called"
        ready = self._initialised[worker.id] = asyncio.Event()
        pauses = iter(HEARTBEAT_SECONDS)
        pause = HEARTBEAT_SECONDS[-1]
        while await self._answer(worker, "GET", "/heartbeat") is None:
            pause = next(pauses, pause)
            await asyncio.sleep(pause)
        if await self._answer(worker, "POST", "/init") is None:
            # It has nothing to prepare.
            ready.set()
        await ready.wait()
        answer = await self._answer(worker, "PUT", "/enabled?enabled=1", ENABLE_TIMEOUTS)
        if answer is None or answer.get("error"):
            logger.error("worker %s could not be enabled: %s", worker.id, answer)

    def initialised(self, worker: Worker) -> None:
        """A worker says that it is ready."""
        if worker.id in self._initialised:
            self._initialised[worker.id].set()

    async def close(self) -> None:
        await self._calls.cancel()

    def _headers(self, worker: Worker) -> dict[str, str]:
        secret = self._workers.secret_of(worker) or ""
        return {
            "AA-VERSION": AA_VERSION,
            "EX-APP-ID": worker.id,
            "EX-APP-VERSION": worker.version,
            "AUTHORIZATION-APP-API": b64encode(f":{secret}".encode()).decode(),
            "AA-REQUEST-ID": new_id(),
        }

    def _start(
        self, http: HttpClient, method: str, url: str, body: Any, headers: dict[str, str]
    ) -> None:
        if self._under_way >= CALLS_AT_A_TIME:
            logger.error("%s %s is left out: too many calls are under way", method, url)
            return
        self._under_way += 1
        self._calls.start(self._call(http, method, url, body, headers), name=f"{method} {url}")

    async def _call(
        self, http: HttpClient, method: str, url: str, body: Any, headers: dict[str, str]
    ) -> None:
        content = () if body is None else (encode(body),)
        headers = {"Content-Type": "application/json", **headers}
        request = HttpRequest(
            method, url, headers=headers, body=content, timeouts=TIMEOUTS, follow_redirects=False
        )
        try:
            async with asyncio.timeout(TIMEOUTS.read), http.request(request) as response:
                if response.status >= 400:
                    logger.warning("%s %s was answered with %d", method, url, response.status)
        except (OutboundRefused, ConnectionError, TimeoutError, ValueError) as error:
            logger.warning("%s %s failed: %s", method, url, error)
        finally:
            self._under_way -= 1

    async def _answer(
        self, worker: Worker, method: str, path: str, timeouts: Timeouts = TIMEOUTS
    ) -> dict[str, Any] | None:
        """What the worker says; None when it is not there or refuses."""
        request = HttpRequest(
            method, f"{worker.url}{path}", headers=self._headers(worker), timeouts=timeouts
        )
        try:
            async with self._inside.request(request) as response:
                content = await response.read(limit=ANSWER_BYTES)
                answer = decode(content) if response.status == 200 else None
        except (OutboundRefused, ConnectionError, TimeoutError, ValueError) as error:
            logger.info("worker %s does not answer %s: %s", worker.id, path, error)
            return None
        return answer if isinstance(answer, dict) else None


def _governs(uri: str) -> bool:
    """Would a call of this path of a worker be an order to it, however the path is spelled?"""
    path = posixpath.normpath(unquote(re.split(r"[?#]", uri)[0]))
    return f"/{path.strip('/')}" in _GOVERNING
