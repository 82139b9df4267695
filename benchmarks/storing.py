"""What it costs to store runs (T13): CPU per run at several loads, node executions per second, and
how long the event loop is held up meanwhile. Making the events is outside of the clock.

    python benchmarks/storing.py [--runs 4000]
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvloop

from graphmill.engine.events import (
    Execution,
    NodeFinished,
    NodeStarted,
    NodeStatus,
    RunFinished,
    RunStarted,
    RunStatus,
    TextChunk,
)
from graphmill.engine.fanout import Feed
from graphmill.engine.run import Run
from graphmill.ids import new_id
from graphmill.storage.database import open_database
from graphmill.storage.journal import SqlJournal

APP, WORKFLOW, USER = new_id(), new_id(), new_id()
NODES = (2, 22)
BATCHES = (1, 5, 20, 100)
"""Runs that end in one turn of the loop."""


def finished_run(nodes: int) -> tuple[Run, Feed]:
    """A run of so many nodes, as the driver leaves it."""
    now = time.time()
    run = Run(
        id=new_id(),
        task_id=new_id(),
        app_id=APP,
        workflow_id=WORKFLOW,
        version="2026-11-21 10:00:00.123456",
        sequence_number=1,
        end_user_id=USER,
        user="abc-123",
        inputs={"name": "Ann"},
        created_at=now,
    )
    feed = Feed(run.id)
    inputs = {**run.inputs, **{f"sys.{name}": v for name, v in run.system_values().items()}}
    feed.append(RunStarted(inputs, now))
    predecessor = None
    for number in range(1, nodes + 1):
        node_id = f"17000000000{number:02}"
        execution = Execution(
            new_id(), node_id, "template-transform", f"Template {number}", number, predecessor, now
        )
        outputs = {"output": "Hello Ann, this is " + "a." * number}
        feed.append(NodeStarted(execution))
        if number == nodes:
            feed.append(TextChunk((node_id, "output"), outputs["output"]))
        feed.append(
            NodeFinished(
                execution, NodeStatus.SUCCEEDED, inputs, {}, dict(outputs), None, None, "", now
            )
        )
        predecessor, inputs = node_id, {"x": outputs["output"]}
    feed.append(RunFinished(RunStatus.SUCCEEDED, dict(inputs), None, 0.001, 0, nodes, 0, now))
    return run, feed


async def store(journal: SqlJournal, batch: Sequence[tuple[Run, Feed]]) -> None:
    for run, feed in batch:
        journal.open(run, feed)
        journal.post(feed)
    for _, feed in batch:
        await journal.committed(feed)


async def watch_loop(delays: list[float]) -> None:
    """How much later than ordered the loop comes back, every millisecond."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        delays.append(time.perf_counter() - before - 0.001)


def batches(nodes: int, size: int, runs: int) -> Iterator[list[tuple[Run, Feed]]]:
    for _ in range(max(1, runs // size)):
        yield [finished_run(nodes) for _ in range(size)]


async def measure(nodes: int, size: int, runs: int) -> str:
    delays: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(None, Path(folder)) as database, asyncio.TaskGroup() as tasks:
            journal = SqlJournal(database)
            for batch in batches(nodes, size, 3 * size):
                await store(journal, batch)
            waiting = list(batches(nodes, size, runs))
            # A collection of what was made in advance would count as a delay.
            gc.freeze()
            watch = tasks.create_task(watch_loop(delays))
            cpu, wall = time.process_time(), time.perf_counter()
            for batch in waiting:
                await store(journal, batch)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            watch.cancel()
    gc.unfreeze()
    stored = size * len(waiting)
    p99 = statistics.quantiles(delays, n=100)[98]
    return (
        f"{nodes:3} nodes, {size:3} runs at a time: {cpu / stored * 1e6:6.1f} us CPU per run, "
        f"{stored * nodes / wall:8.0f} node executions/s, loop delay p99 {p99 * 1e3:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    runs = parser.parse_args().runs
    for nodes in NODES:
        for size in BATCHES:
            print(uvloop.run(measure(nodes, size, runs)))


if __name__ == "__main__":
    main()
