"""Many runs and many readers on one server, and what is left of them when they have gone.

    python benchmarks/soak.py [--runs 10000] [--readers 1000]

`readers` event streams are open at once, each of a run whose model takes twenty seconds; a third of
the readers leave early. Beside them and after them, `runs` short runs, 32 at a time: most with a
model, every 50th with code in the sandbox. Memory, descriptors, child processes and tasks are
compared with those before, when as many readers and a twentieth of the runs had come and gone: what
so many connections took at once, the allocator keeps for the next ones.
"""

import argparse
import asyncio
import os
import resource
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import workloads
from http_load import cpu_seconds, free_port, server
from tokens import RUN, resident_mb, serve_command, source, texts

AT_ONCE: Final = 32
CODE_EVERY: Final = 50
TOKENS: Final = 20
"""Of a run that is read, one a second."""
WARM_UP: Final = 20
"""One part in so many of the runs."""
TARGET: Final = 1.10
TOKEN: Final = "bench"


@dataclass(frozen=True, slots=True)
class Holdings:
    memory_mb: float
    descriptors: int
    children: int
    tasks: int

    def __str__(self) -> str:
        return (
            f"{self.memory_mb:6.1f} MB, {self.descriptors} descriptors, {self.children} children, "
            f"{self.tasks} tasks"
        )


@contextmanager
def graphmill(model_port: int) -> Iterator[tuple[int, int]]:
    """(port, process id)"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tokens.yml").write_text(workloads.streamed())
        (folder / "code.yml").write_text(workloads.code("python3"))
        config = folder / "config.yaml"
        base_url = f"http://127.0.0.1:{model_port}/v1"
        config.write_text(
            f"data_dir: {folder / 'data'}\n"
            f"metrics: {{token: {TOKEN}}}\n"
            "apps:\n"
            "  - {workflow: tokens.yml, api_keys: [app-bench]}\n"
            "  - {workflow: code.yml, api_keys: [app-code]}\n"
            f"models: [{{provider: openai, kind: openai, base_url: '{base_url}', api_key: x}}]\n"
        )
        port = free_port()
        with server(serve_command(config, port), port) as pid:
            yield port, pid


def gauge(port: int, name: str) -> int:
    """Of `/metrics`, whatever its labels."""
    url, headers = f"http://127.0.0.1:{port}/metrics", {"Authorization": f"Bearer {TOKEN}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        lines = answer.read().decode().splitlines()
    assert f"# TYPE {name} gauge" in lines, f"/metrics does not tell {name}"
    samples = [line for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
    return int(sum(float(line.rpartition(" ")[2]) for line in samples))


def holdings(port: int, pid: int) -> Holdings:
    """When nothing goes on any more, or after half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if gauge(port, "graphmill_runs") == gauge(port, "graphmill_event_streams") == 0:
            break
        time.sleep(0.5)
    # The writer, connections to the model and idle processes of the sandbox take their time.
    time.sleep(20)
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return Holdings(
        resident_mb(pid),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        sum(len(thread.read_text().split()) for thread in threads),
        gauge(port, "graphmill_asyncio_tasks"),
    )


async def read(port: int, number: int) -> None:
    """A run from its beginning; every third reader leaves after a while."""
    leaves_after = number % TOKENS if number % 3 == 0 else None
    async with aclosing(texts(port, RUN, f"r{number} {TOKENS} 1")) as pieces:
        count = 0
        async for _ in pieces:
            if count == leaves_after:
                return
            count += 1
    assert count == TOKENS + 1, f"run {number} brought {count} pieces"


async def short_runs(port: int, numbers: Iterator[int]) -> None:
    for number in numbers:
        if number % CODE_EVERY:
            order, key, expected = f"r{number} 5 0", "app-bench", 5
        else:
            order, key, expected = "x", "app-code", 1
        said = "".join([text async for text in texts(port, RUN, order, key=key)])
        assert len(said.split()) == expected, f"run {number} said {said!r}"


async def load(port: int, pid: int, runs: int, readers: int) -> float:
    """The most memory that was seen, in MB."""
    numbers = iter(range(runs))
    most = 0.0
    async with asyncio.TaskGroup() as tasks:
        clients = [tasks.create_task(read(port, number)) for number in range(readers)]
        clients += [tasks.create_task(short_runs(port, numbers)) for _ in range(AT_ONCE)]
        while not all(client.done() for client in clients):
            await asyncio.sleep(0.5)
            most = max(most, resident_mb(pid))
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--readers", type=int, default=1000)
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, limit), limit))
    os.sched_setaffinity(0, {1})
    with source() as model, graphmill(model) as (port, pid):
        idle = resident_mb(pid)
        asyncio.run(load(port, pid, arguments.runs // WARM_UP, arguments.readers))
        before = holdings(port, pid)
        began, cpu = time.monotonic(), cpu_seconds(pid)
        most = asyncio.run(load(port, pid, arguments.runs, arguments.readers))
        seconds, cpu = time.monotonic() - began, cpu_seconds(pid) - cpu
        after = holdings(port, pid)
    print(
        f"{arguments.runs} runs and {arguments.readers} readers in {seconds:.0f} s, {cpu:.0f} CPU"
    )
    print(f"at start {idle:6.1f} MB, most {most:.1f} MB")
    print(f"before   {before}")
    print(f"after    {after}")
    growth = after.memory_mb / before.memory_mb
    print(f"memory {growth:.2f} times, ≤ {TARGET:g}: {'met' if growth <= TARGET else 'MISSED'}")
    for name in ("descriptors", "children", "tasks"):
        left = getattr(after, name) - getattr(before, name)
        print(f"{name} left: {left}, 0: {'met' if left <= 0 else 'MISSED'}")


if __name__ == "__main__":
    main()
