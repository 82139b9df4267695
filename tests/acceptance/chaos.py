"""Kills the real server at random moments while runs go on. Does it keep its promises?

* every accepted run ends once, as `succeeded` or with an error of its own;
* no node whose end was recorded is executed again;
* a reader who reconnects misses no event and sees none twice;
* every stored file belongs to a record, and every record has its file.

    python -m tests.acceptance.chaos [--kills 20] [--at-once 100] [--seed 1]
"""

import argparse
import asyncio
import json
import random
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp

from graphmill.engine.events import Execution, NodeFinished
from graphmill.storage.database import FILE_NAME
from graphmill.storage.entries import events_in
from graphmill.storage.packing import unpack
from tests.acceptance.effects import (
    CALLED,
    CALLING,
    Effects,
    counted_effects,
    failing,
    mixed_workflows,
)
from tests.server_process import free_port

USER: Final = "somebody"
WITH_EFFECTS: Final = frozenset({"http-request", "llm"})
FAILING: Final = "failing"
"""The workflow whose runs end with an error of their own."""
LIFE: Final = (0.0, 2.0)
"""Seconds for which a process lives, at least and at most."""
STILLBORN: Final = 0.2
"""How many processes live from their start; the others from their first answer."""
PAUSE: Final = 0.05
"""Seconds before a client who was refused tries again."""
LONGEST_LIFE: Final = 30.0
"""Seconds from one kill to the next on a machine that is very busy."""
PATIENCE: Final = 120.0
"""Seconds after the last kill in which everything must have ended."""

_LINK_TAIL: Final = re.compile(r"\?timestamp=[^\"]*")
"""Links are signed anew for each reader."""

Answer = TypeVar("Answer")
Json = dict[str, Any]
Numbered = tuple[int, Json]


@dataclass(frozen=True, slots=True)
class Order:
    """A run that was accepted, and what its reader saw."""

    run_id: str
    workflow: str
    token: str
    read: list[Numbered]


@dataclass(slots=True)
class Figures:
    """What is told at the end; the promises are kept when `faults` is empty."""

    kills: int = 0
    runs: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    taken_up: int = 0
    """Runs that were going on at a kill, once for each kill."""
    connections: int = 0
    """Of readers: more than runs, because they come back after a kill."""
    events: int = 0
    calls: int = 0
    """Side effects."""
    repeated_calls: int = 0
    """Side effects of nodes whose end was not recorded when the server was killed."""
    files: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Server:
    """`graphmill serve`, which is killed and started again at the same port."""

    def __init__(self, folder: Path, config: Json) -> None:
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "config.yaml"
        place = {"host": "127.0.0.1", "port": self.port}
        # JSON is YAML too.
        self._config.write_text(json.dumps({"server": place, "data_dir": str(self.data), **config}))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "graphmill", "serve", "--config", str(self._config)),
                stdout=log,
                stderr=log,
            )

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()


class Client:
    """Asks until it is answered, whatever becomes of the server."""

    def __init__(self, http: aiohttp.ClientSession, figures: Figures) -> None:
        self._http = http
        self._figures = figures

    async def await_server(self) -> None:
        async def ask() -> bool | None:
            async with self._http.get("/health") as answer:
                return answer.ok or None

        await _until_answered(ask)

    async def order(self, workflow: str, token: str) -> Order:
        """Order a run, and read it to its end."""
        headers = {**_key_of(workflow), "Idempotency-Key": token}
        body = {"inputs": {"token": token}, "user": USER, "response_mode": "async"}

        async def ask() -> str | None:
            async with self._http.post("/v1/workflows/run", json=body, headers=headers) as answer:
                if answer.status != 202:
                    self._figures.faults.append(f"{token}: {answer.status} {await answer.text()}")
                    return None
                return str((await answer.json())["workflow_run_id"])

        run_id = await _until_answered(ask)
        return Order(run_id, workflow, token, await self.read(workflow, run_id))

    async def read(self, workflow: str, run_id: str) -> list[Numbered]:
        """The events of a run to its end; after each break the reader says where it was."""
        read: list[Numbered] = []
        path, headers = f"/v1/workflow/{run_id}/events", _key_of(workflow)

        async def go_on() -> list[Numbered] | None:
            headers["Last-Event-ID"] = str(read[-1][0] if read else 0)
            async with self._http.get(path, params={"user": USER}, headers=headers) as stream:
                self._figures.connections += 1
                async for event in _numbered(stream):
                    # One by one: what was read before the connection breaks counts.
                    read.append(event)  # noqa: PERF401
            return read if read and read[-1][1]["event"] == "workflow_finished" else None

        return await _until_answered(go_on)

    async def detail(self, order: Order) -> Json:
        path = f"/v1/workflows/run/{order.run_id}"
        async with self._http.get(path, headers=_key_of(order.workflow)) as answer:
            return dict(await answer.json())


async def _until_answered(ask: Callable[[], Awaitable[Answer | None]]) -> Answer:
    while True:
        with suppress(aiohttp.ClientError, OSError):
            answer = await ask()
            if answer is not None:
                return answer
        await asyncio.sleep(PAUSE)


async def _numbered(stream: aiohttp.ClientResponse) -> AsyncIterator[Numbered]:
    number = 0
    async for line in stream.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            yield number, json.loads(_LINK_TAIL.sub("", value))


def _key_of(workflow: str) -> dict[str, str]:
    return {"Authorization": f"Bearer app-{workflow}"}


class Play:
    """Customers who order runs all the time, and somebody who kills the server."""

    def __init__(self, server: Server, client: Client, effects: Effects, figures: Figures) -> None:
        self._server = server
        self._client = client
        self._effects = effects
        self._figures = figures
        self._orders: list[Order] = []
        self._calls_at_end: dict[str, int] = {}
        """By the name of a call whose node had ended when the server was killed: how often it had
        been made by then."""
        self._is_closing = False

    async def run(self, *, kills: int, at_once: int, workflows: Sequence[str]) -> None:
        async with asyncio.timeout(kills * LONGEST_LIFE + PATIENCE), asyncio.TaskGroup() as tasks:
            await self._server.start()
            await self._client.await_server()
            for number in range(at_once):
                tasks.create_task(self._buy(f"c{number}", workflows))
            for _ in range(kills):
                if random.random() > STILLBORN:
                    await self._client.await_server()
                await asyncio.sleep(random.uniform(*LIFE))
                await self._server.kill()
                self._remember_ends()
                self._figures.kills += 1
                await self._server.start()
            self._is_closing = True
        await self._judge()

    async def _buy(self, customer: str, workflows: Sequence[str]) -> None:
        number = 0
        while not self._is_closing:
            number += 1
            workflow = random.choice(workflows)
            self._orders.append(await self._client.order(workflow, f"{customer}n{number}"))

    def _remember_ends(self) -> None:
        """What the killed process has recorded."""
        ended, going = recorded(self._server.data)
        self._figures.taken_up += going
        for call in ended:
            self._calls_at_end.setdefault(call, self._effects.calls[call])

    async def _judge(self) -> None:
        figures, calls = self._figures, self._effects.calls
        for order in self._orders:
            self._judge_end(order, await self._client.detail(order))
            whole = await self._client.read(order.workflow, order.run_id)
            self._judge_events(order, whole)
        figures.runs = len(self._orders)
        figures.events = sum(len(order.read) for order in self._orders)
        figures.calls = calls.total()
        figures.repeated_calls = calls.total() - len(calls)
        figures.faults += [
            f"{call}: executed again after its end was recorded"
            for call, count in self._calls_at_end.items()
            if calls[call] != count
        ]
        await self._server.kill(signal.SIGTERM)
        self._judge_storage()

    def _judge_end(self, order: Order, detail: Json) -> None:
        status = detail["status"]
        self._figures.statuses[status] = self._figures.statuses.get(status, 0) + 1
        is_own = "its own" in (detail["error"] or "")
        if (status, is_own) != (
            ("failed", True) if order.workflow == FAILING else ("succeeded", False)
        ):
            self._figures.faults.append(f"{order.token}: {status}, {detail['error']}")

    def _judge_events(self, order: Order, whole: list[Numbered]) -> None:
        if order.read != whole:
            self._figures.faults.append(
                f"{order.token}: its reader saw other events than there are"
            )
        numbers = [number for number, _ in whole]
        if sorted(set(numbers)) != numbers:
            self._figures.faults.append(f"{order.token}: numbers {numbers}")
        told = Counter(
            (event["event"], event["data"].get("id"))
            for _, event in whole
            if event["event"] in ("workflow_finished", "node_started", "node_finished")
        )
        if set(told.values()) != {1}:
            self._figures.faults.append(
                f"{order.token}: told more than once: {told.most_common(1)}"
            )

    def _judge_storage(self) -> None:
        figures, data = self._figures, self._server.data
        with closing(sqlite3.connect(data / FILE_NAME)) as database:
            [(runs,)] = database.execute("select count(*) from runs")
            kept = {key for (key,) in database.execute("select key from uploads")}
            [(sound,)] = database.execute("pragma integrity_check")
            leftovers = [
                f"{count} rows are left in {table}"
                for table in ("orders", "unfinished_files")
                for (count,) in database.execute(f"select count(*) from {table}")
                if count
            ]
        folder = data / "files"
        stored = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        figures.files = len(stored)
        figures.faults += leftovers
        if sound != "ok":
            figures.faults.append(f"the database is damaged: {sound}")
        ordered = len(self._orders) + sum(each.workflow == CALLING for each in self._orders)
        if runs != ordered:
            figures.faults.append(f"{runs} runs, {ordered} were ordered or called")
        figures.faults += [f"file without a record: {name}" for name in stored - kept]
        figures.faults += [f"record without a file: {name}" for name in kept - stored]


def recorded(data: Path) -> tuple[set[str], int]:
    """The names of the calls whose nodes have ended, and how many runs go on, as the database of a
    killed process has it. It is left as it is, for the next process to recover."""
    with tempfile.TemporaryDirectory() as folder:
        for path in data.glob(f"{FILE_NAME}*"):
            shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder) / FILE_NAME)) as database:
            tokens = {
                run_id: json.loads(inputs)["token"]
                for run_id, inputs in database.execute("select id, inputs from runs")
            }
            rows = database.execute("select run_id, events from node_executions").fetchall()
            [(going,)] = database.execute("select count(*) from runs where status = 'running'")
    return {
        _call_of(tokens[run_id], event.execution)
        for run_id, events in rows
        for _, event in events_in(unpack(events))
        if isinstance(event, NodeFinished) and event.execution.node_type in WITH_EFFECTS
    }, going


def _call_of(token: str, execution: Execution) -> str:
    """How the stand-ins know it."""
    at = execution.position
    rounds = [] if at is None else [at.iteration_index, at.loop_index]
    return "/".join([token, execution.node_id, *(str(n) for n in rounds if n is not None)])


async def play(folder: Path, *, kills: int, at_once: int) -> Figures:
    figures, began = Figures(), time.monotonic()
    async with counted_effects(seconds=0.3) as effects:
        workflows = {**mixed_workflows(effects.url), FAILING: failing(effects.url)}
        server = Server(folder, _config_of(folder, workflows, effects.url))
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(server.url, connector=connector) as http:
            try:
                await Play(server, Client(http, figures), effects, figures).run(
                    kills=kills, at_once=at_once, workflows=list(workflows)
                )
            finally:
                await server.kill()
    figures.seconds = time.monotonic() - began
    return figures


def _config_of(folder: Path, workflows: Mapping[str, str], url: str) -> Json:
    apps = []
    for name, text in workflows.items():
        path = folder / f"{name}.yml"
        path.write_text(text)
        apps.append({"workflow": str(path), "slug": name, "api_keys": [f"app-{name}"]})
    model = {"provider": "*", "kind": "openai", "base_url": f"{url}/v1", "api_key": "any"}
    return {
        "apps": apps,
        "models": [model],
        "tools": [{"provider": CALLED, "kind": "workflow", "app": CALLED}],
        "http_request": {"allow": ["127.0.0.0/8"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(play(Path(folder), kills=arguments.kills, at_once=arguments.at_once))
    for name, value in asdict(figures).items():
        sys.stdout.write(f"{name.replace('_', ' '):20} {value}\n")
    sys.exit(bool(figures.faults))


if __name__ == "__main__":
    main()
