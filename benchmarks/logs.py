"""Logs, search and retention over a million runs.

    python benchmarks/logs.py [--runs 1000000]

Writes the runs straight into a database file in a temporary folder, then asks as the API does.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from graphmill.config.retention import RetentionSettings
from graphmill.engine.events import RunStatus
from graphmill.files.local import LocalFiles
from graphmill.ids import app_id_of, end_user_id_of, new_id, workflow_id_of
from graphmill.storage.database import FILE_NAME, open_database
from graphmill.storage.prune import DAY, Pruner
from graphmill.storage.runs import LogQuery, RunStore
from graphmill.storage.tables import apps

APPS = tuple(app_id_of(name) for name in ("large", "small"))
NOW = 1_760_000_000.0
REPEATS = 5


def rows(count: int) -> Iterator[tuple[object, ...]]:
    """Runs of the last 60 days; one in a hundred belongs to the small app."""
    for number in range(count):
        app = APPS[number % 100 == 0]
        at = NOW - 60 * DAY + number * 60 * DAY / count
        inputs = f'{{"question":"What is the weather in town {number} like today?"}}'
        outputs = f'{{"answer":"Sunny, {number % 40} degrees. Needle{number:07d} was asked for."}}'
        yield (
            new_id(), app, new_id(), workflow_id_of(app, "x"), "2026-01-01 00:00:00.000000", number,
            end_user_id_of(app, f"user-{number % 1000}"), f"user-{number % 1000}", "app-run", at,
            at, 1, "succeeded", at + 1, 9, 1.0, 10, 3, 0, None, inputs, outputs,
        )  # fmt: skip


def fill(path: Path, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO runs VALUES ({','.join('?' * 22)})", rows(count))
    connection.execute("COMMIT")
    connection.close()


async def measure(name: str, ask: Callable[[], Awaitable[object]]) -> None:
    times = []
    answer: object = None
    for _ in range(REPEATS):
        begun = time.perf_counter()
        answer = await ask()
        times.append((time.perf_counter() - begun) * 1000)
    total = getattr(answer, "total", answer)
    print(f"{name:<34} first {times[0]:8.1f} ms   best {min(times):8.1f} ms   total {total}")


async def prune_beside_writes(store: Pruner, write: Callable[[], Awaitable[None]]) -> None:
    """How long a write waits while the older half is deleted."""
    waits: list[float] = []
    pruning = asyncio.ensure_future(store.prune())
    begun = time.perf_counter()
    while not pruning.done():
        asked = time.perf_counter()
        await write()
        waits.append((time.perf_counter() - asked) * 1000)
        await asyncio.sleep(0.005)
    waits.sort()
    print(
        f"prune: {await pruning} in {time.perf_counter() - begun:.1f} s; a write beside it: "
        f"median {waits[len(waits) // 2]:.1f} ms, 99 % {waits[int(len(waits) * 0.99)]:.1f} ms, "
        f"worst {waits[-1]:.1f} ms"
    )


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        async with open_database(None, data):
            pass
        fill(data / FILE_NAME, count)
        print(f"{count} runs, {(data / FILE_NAME).stat().st_size / 1e6:.0f} MB")
        async with open_database(None, data) as database:
            runs = RunStore(database)
            begun = time.perf_counter()
            await runs.index_keywords()
            seconds = time.perf_counter() - begun
            print(f"indexed in {seconds:.1f} s, {seconds / count * 1e6:.0f} us a run")
            for name, app in zip(("large", "small"), APPS, strict=True):
                for title, query in {
                    "page 1": LogQuery(),
                    "page 1, succeeded": LogQuery(status=RunStatus.SUCCEEDED),
                    "common keyword": LogQuery(keyword="weather"),
                    "rare keyword": LogQuery(keyword=f"needle{count // 200 * 100:07d}"),
                    "keyword of nothing": LogQuery(keyword="nowhere at all"),
                }.items():
                    await measure(f"{name} app, {title}", lambda a=app, q=query: runs.page(a, q))
            pruner = Pruner(
                database, LocalFiles(data / "files"), RetentionSettings(), clock=lambda: NOW
            )

            async def write() -> None:
                await database.write(
                    apps.insert(), id=new_id(), slug="x", name="x", mode="workflow"
                )

            await prune_beside_writes(pruner, write)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().runs))
