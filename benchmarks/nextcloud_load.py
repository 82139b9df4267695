"""Tasks of Nextcloud's clients under load: so many are scheduled a second, with a workflow that
does nothing, while clients poll every two seconds. No request may fail, and no task get lost.

    python benchmarks/nextcloud_load.py [--rate 200] [--pollers 500] [--seconds 20]

The server runs on core 0, the clients on core 1.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import aiohttp

import workloads
from http_load import cpu_seconds, free_port, server

POLL_SECONDS: Final = 2.0
PASSWORD: Final = "bench"
TASKS: Final = "/ocs/v2.php/taskprocessing"
ORDER: Final = {"input": {"q": "x"}, "type": "app:w0", "appId": "bench"}


@dataclass(slots=True)
class Tally:
    ids: list[int] = field(default_factory=list)
    schedule_seconds: list[float] = field(default_factory=list)
    poll_seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


class Client:
    def __init__(self, http: aiohttp.ClientSession, tally: Tally) -> None:
        self.http = http
        self.tally = tally

    async def call(self, method: str, path: str, **options: Any) -> dict[str, Any] | None:
        """The task in the answer; None for a failure, which is counted."""
        try:
            async with self.http.request(method, f"{TASKS}/{path}", **options) as response:
                content = await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.tally.failures[type(error).__name__] += 1
            return None
        if response.status != 200:
            self.tally.failures[f"status {response.status}"] += 1
            return None
        task: dict[str, Any] = content["ocs"]["data"]["task"]
        return task

    async def schedule(self) -> None:
        began = time.perf_counter()
        task = await self.call("POST", "schedule", json=ORDER)
        self.tally.schedule_seconds.append(time.perf_counter() - began)
        if task is not None:
            self.tally.ids.append(task["id"])

    async def poll(self, number: int, pollers: int) -> None:
        """As the page of the assistant does, until cancelled."""
        await asyncio.sleep(POLL_SECONDS * number / pollers)
        while True:
            began = time.perf_counter()
            if self.tally.ids:
                await self.call("GET", f"task/{self.tally.ids[-1 - number % len(self.tally.ids)]}")
                self.tally.poll_seconds.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, POLL_SECONDS - (time.perf_counter() - began)))

    async def status(self, task_id: int) -> str:
        """How the task ended."""
        while True:
            task = await self.call("GET", f"task/{task_id}")
            if task is None:
                return "lost"
            if task["endedAt"] is not None:
                return str(task["status"])
            await asyncio.sleep(0.05)


async def load(port: int, rate: float, pollers: int, seconds: float, pid: int) -> None:
    tally = Tally()
    login = b64encode(f"bench:{PASSWORD}".encode()).decode()
    headers = {
        "Authorization": f"Basic {login}",
        "OCS-APIRequest": "true",
        "Accept": "application/json",
    }
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}",
        headers=headers,
        connector=aiohttp.TCPConnector(limit=0),
    ) as http:
        client = Client(http, tally)
        cpu, began = cpu_seconds(pid), time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            polling = [tasks.create_task(client.poll(i, pollers)) for i in range(pollers)]
            count = int(rate * seconds)
            for number in range(count):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                tasks.create_task(client.schedule())
            took = time.perf_counter() - began
            cpu = cpu_seconds(pid) - cpu
            await asyncio.sleep(1)
            for poller in polling:
                poller.cancel()
        statuses = Counter([await client.status(task_id) for task_id in tally.ids])
    print(
        f"scheduled {len(tally.ids)} of {count} tasks in {took:.1f} s: {count / took:.0f} a second"
    )
    print_times("schedule", tally.schedule_seconds)
    print_times("poll", tally.poll_seconds)
    print(f"CPU of the server: {cpu / took:.0%} of a core")
    print(f"ended as {dict(statuses)}; failures: {dict(tally.failures) or 'none'}")
    is_met = not tally.failures and {"STATUS_SUCCESSFUL": count} == dict(statuses)
    print("met" if is_met else "MISSED")


def print_times(name: str, times: list[float]) -> None:
    cuts = statistics.quantiles(times, n=100)
    print(
        f"{name:9}{len(times):7} requests, median {cuts[49] * 1000:.1f} ms, "
        f"99th percentile {cuts[98] * 1000:.1f} ms"
    )


def command(folder: Path, port: int) -> list[str]:
    (folder / "w0.yml").write_text(workloads.no_op())
    secret = f"sha256:{sha256(PASSWORD.encode()).hexdigest()}"
    config = {
        "data_dir": str(folder / "data"),
        "apps": [{"workflow": "w0.yml"}],
        "ocs": {
            "rate_limit": {"user": False},
            "users": [{"id": "bench", "password_hash": secret}],
            "publish_workflows": ["w0"],
        },
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    return [sys.executable, "-m", "graphmill", "serve", "--config", str(path), "--port", str(port)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--pollers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with server(command(Path(folder), port), port) as pid:
            asyncio.run(load(port, arguments.rate, arguments.pollers, arguments.seconds, pid))


if __name__ == "__main__":
    main()
