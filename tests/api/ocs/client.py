"""A server with the fixture of `nextcloud-ocs §21.1`, and clients of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from graphmill.config import Settings
from graphmill.server import create_app
from graphmill.service.secrets import fingerprint_of, hash_password
from graphmill.service.services import Services
from graphmill.wiring.server import build
from tests.api.ocs import workflows
from tests.api.ocs.workers import header, provider

Json = dict[str, Any]

TP = "/taskprocessing"
TX = "/textprocessing"
TI = "/text2image"
NOBODY = 999999999
"""An id that nothing has."""

ALICE = ("alice", "alice-pw")
BOB = ("bob", "bob-pw")
W = header("worker1", "w1-secret")
W_ALICE = header("worker1", "w1-secret", user="alice")

_password_hash = lru_cache(hash_password)


def settings(folder: Path, echo_url: str, *, limits: Json | None = None, **ocs: Any) -> Settings:
    """Without limits, unless `ocs` says otherwise."""
    files = {
        "echo": workflows.echo(),
        "slow": workflows.through_page(f"{echo_url}/sleep/30"),
        "boom": workflows.through_page("http://127.0.0.1:9/"),
        "translate": workflows.translate(),
        "greet": workflows.greet(),
        "draw": workflows.draw(f"{echo_url}/png"),
    }
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text)
    languages = {"en": "English", "de": "German"}
    section = {
        "rate_limit": {"user": False, "anonymous": False},
        "webhook_allow_private": ["127.0.0.0/8"],
        "users": [
            {
                "id": "alice",
                "login": ["alice@example.org"],
                "display_name": "Alice",
                "password_hash": _password_hash("alice-pw"),
                "app_passwords": [{"name": "phone", "hash": fingerprint_of("alice-app-pw")}],
            },
            {"id": "bob", "password_hash": _password_hash("bob-pw")},
            {"id": "guest", "password_hash": _password_hash("guest-pw"), "ai": False},
        ],
        "ex_apps": [
            {"id": "worker1", "version": "1.0.0", "secret_hash": fingerprint_of("w1-secret")},
            {"id": "worker0", "secret_hash": fingerprint_of("w0-secret"), "enabled": False},
        ],
        "task_types": {
            "core:text2text": {"workflow": "echo"},
            "core:text2text:summary": {"workflow": "echo"},
            "core:text2text:translate": {
                "workflow": "translate",
                "enums": {
                    "origin_language": {"detect_language": "Detect language", "en": "English"},
                    "target_language": languages,
                },
                "defaults": {"origin_language": "detect_language"},
            },
            "core:text2text:reformulation": {"workflow": "slow"},
            "core:text2text:formalization": {"workflow": "boom"},
            "core:text2image": {"workflow": "draw", "map_out": {"images": "files"}},
        },
        "publish_workflows": ["greet"],
        **ocs,
    }
    return Settings.model_validate(
        {
            "data_dir": folder / "data",
            "apps": [{"workflow": f"{name}.yml", "api_keys": [f"app-{name}"]} for name in files],
            "http_request": {"allow": ["127.0.0.0/8"]},
            "limits": limits,
            "ocs": section,
        },
        context={"folder": folder},
    )


@dataclass(frozen=True, slots=True)
class Answer:
    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def meta(self) -> Json:
        return dict(self.response.json()["ocs"]["meta"])

    @property
    def code(self) -> int:
        """OCS's own status code."""
        return int(self.meta["statuscode"])

    @property
    def data(self) -> Any:
        return self.response.json()["ocs"]["data"]

    @property
    def task(self) -> Json:
        assert self.status == 200, self.response.text
        return dict(self.data["task"])

    @property
    def message(self) -> str:
        return str(self.data["message"])


class Ocs:
    """Requests as `§21.1` has them unless told otherwise: alice, in JSON, with the OCS header."""

    def __init__(self, http: httpx.AsyncClient, services: Services) -> None:
        self.http = http
        self.services = services

    async def call(
        self,
        method: str,
        path: str,
        *,
        auth: tuple[str, str] | None = ALICE,
        worker: Json | None = None,
        version: int = 2,
        headers: Json | None = None,
        params: Any = None,
        response_format: str | None = "json",
        is_marked: bool = True,
        **options: Any,
    ) -> Answer:
        """`path` below `/ocs/v?.php`. `worker`: its headers, in place of a login."""
        sent = {"OCS-APIRequest": "true"} if is_marked else {}
        sent |= {**(worker or {}), **(headers or {})}
        query = list((params or {}).items()) if not isinstance(params, list) else params
        if response_format is not None:
            query = [*query, ("format", response_format)]
        response = await self.http.request(
            method,
            f"/ocs/v{version}.php{path}",
            params=query,
            headers=sent,
            auth=None if worker is not None else auth,
            **options,
        )
        return Answer(response)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, content: Any = None, **options: Any) -> Answer:
        body = {} if content is None else {"json": content}
        return await self.call("POST", path, **body, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.call("DELETE", path, **options)

    async def order(self, task_type: str, values: Any, **options: Any) -> Answer:
        """A task of TaskProcessing; `more` goes into the body."""
        more = options.pop("more", {})
        body = {"input": values, "type": task_type, "appId": "test", **more}
        return await self.post(f"{TP}/schedule", body, **options)

    async def sched(
        self, task_type: str = "core:text2text", values: Any = None, **more: Any
    ) -> int:
        """The id of a new task."""
        answer = await self.order(task_type, values or {"input": "hello"}, more=more)
        return int(answer.task["id"])

    async def wait(self, task_id: int, **options: Any) -> Json:
        """The task when it has ended."""

        async def shown() -> Json | None:
            task = (await self.get(f"{TP}/task/{task_id}", **options)).task
            return task if task["endedAt"] is not None else None

        return await until(shown)

    async def running(self, task_id: int) -> Json:
        async def shown() -> Json | None:
            task = (await self.get(f"{TP}/task/{task_id}")).task
            return task if task["status"] == "STATUS_RUNNING" else None

        return await until(shown)

    async def waiting_topics(self) -> int:
        """A task that waits for a worker."""
        return await self.sched("core:text2text:topics")

    async def claimed_topics(self) -> int:
        """A task that a worker is at."""
        task_id = await self.waiting_topics()
        answer = await self.next("worker1:topics", "core:text2text:topics")
        assert task_id == answer.task["id"]
        return task_id

    async def next(self, provider_id: str, task_type: str, **options: Any) -> Answer:
        body = {"providerIds": [provider_id], "taskTypeIds": [task_type]}
        path = options.pop("path", "next")
        return await self.call(
            "GET", f"{TP}/tasks_provider/{path}", worker=W, json={**body, **options}
        )

    async def drain(self) -> None:
        """No task waits for a worker any more."""
        for task_type, name in PROVIDERS.items():
            while (await self.next(name, task_type)).status == 200:
                pass

    async def upload(self, content: bytes = b"RIFF....WAVEfmt ", **options: Any) -> int:
        """The id of an audio file."""
        answer = await self.call(
            "POST",
            "/apps/assistant/api/v1/input-file",
            files={"data": ("a.wav", content)},
            data={"filename": "a.wav"},
            **options,
        )
        assert answer.status == 200, answer.response.text
        return int(answer.data["fileId"])


PROVIDERS = {
    "core:text2text:topics": "worker1:topics",
    "core:text2speech": "worker1:tts",
    "core:audio2text": "worker1:stt",
}
"""What worker1 has registered."""


@asynccontextmanager
async def opened(
    folder: Path, echo_url: str, *, limits: Json | None = None, **ocs: Any
) -> AsyncIterator[Ocs]:
    """The server of the fixture, worker1 registered; `ocs` changes its configuration."""
    async with build(settings(folder, echo_url, limits=limits, **ocs)) as services:
        transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
            client = Ocs(http, services)
            for task_type, name in PROVIDERS.items():
                body = {"provider": provider(name, task_type, expected_runtime=30)}
                answer = await client.post(REGISTRATION, body, version=1, worker=W)
                assert answer.code == 100
            yield client


REGISTRATION = "/apps/app_api/api/v1/ai_provider/task_processing"


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` gives once it gives something; the test's own time limit ends it."""
    while True:
        seen = await look()
        if seen is not None:
            return seen
        await asyncio.sleep(0.01)
