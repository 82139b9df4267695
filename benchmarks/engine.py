"""Our engine on the workloads: compiled plans, real nodes, events produced and nothing stored.

    python benchmarks/engine.py          # a table of all workloads
    python benchmarks/engine.py W1       # one of them, a JSON object a batch, as peer.py prints it
    python benchmarks/engine.py calls    # calls of a run, a JSON object

CPU is that of the whole process. `calls` counts Python and C calls of one run and has no noise. W5
and W5c call a server of their own that answers after 100 ms; W7 is 1000 runs asleep.
"""

import asyncio
import gc
import json
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

from delay import delay_server
from graphmill.dsl.load import load_workflow
from graphmill.engine.context import NodeContext
from graphmill.engine.driver import Driver, RunLimits
from graphmill.engine.events import RunFinished, RunPaused
from graphmill.engine.fanout import Feed
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.engine.plan import Plan
from graphmill.engine.run import Run
from graphmill.ids import new_id
from graphmill.nodes.base import NodeData, NodePorts, NodeType
from graphmill.nodes.compile import compile_plan
from graphmill.nodes.registry import NODE_TYPES
from graphmill.outbound.client import OutboundClient
from graphmill.outbound.guard import OutboundRules
from graphmill.ports.runs import EventLog, NumberedEvent
from graphmill.sandbox.templates import InlineTemplates
from graphmill.variables.values import Value
from workloads import AT_ONCE, BATCHES, EXPECTED, LOADS, as_yaml, document, no_op, question

RUNS: Final = {
    "W0": 2000, "W1": 500, "W1L": 50, "W2": 200, "W3": 500, "W4S": 200, "W4": 10, "W4P": 10,
    "W5": 10, "W5c": 200,
}  # fmt: skip
"""In a batch."""
LOADINGS: Final = 20
WAITING_RUNS: Final = 1000


class NoJournal:
    """Takes the events and forgets them."""

    def post(self, log: EventLog) -> None:
        log.pending()

    async def committed(self, log: EventLog) -> None:
        return

    async def history(self, run_id: str, *, after: int = 0) -> list[NumberedEvent]:
        return []


class Sleep:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def run(self, context: NodeContext) -> Outcome:
        await asyncio.sleep(self._seconds)
        return Succeeded({})


def compiled(text: str, http: OutboundClient, *more: NodeType) -> Plan:
    workflow = load_workflow(text).workflow
    assert workflow is not None, "the workloads can be read"
    nothing = cast("Any", None)
    ports = NodePorts(
        http=http,
        files=nothing,
        templates=InlineTemplates(),
        code=nothing,
        documents=nothing,
        models=nothing,
    )
    types = {**NODE_TYPES, **{node_type.name: node_type for node_type in more}}
    return compile_plan(workflow, ports, node_types=types)


def ready(plan: Plan, q: Value) -> tuple[Driver, Feed]:
    run = Run(
        id=new_id(),
        task_id=new_id(),
        app_id="app",
        workflow_id="workflow",
        version="1",
        sequence_number=1,
        end_user_id="end-user",
        user="bench",
        inputs={"q": q},
        created_at=time.time(),
    )
    feed = Feed(run.id)
    driver = Driver(
        run, plan, feed, NoJournal(), limits=RunLimits(), clock=time.time, new_id=new_id
    )
    return driver, feed


async def drive(plan: Plan, workload: str) -> None:
    driver, feed = ready(plan, question(workload))
    await driver.drive()
    check(await feed.finished(), EXPECTED[workload])


def check(finished: RunFinished | RunPaused, expected: Value) -> None:
    if not isinstance(finished, RunFinished) or finished.outputs != {"out": expected}:
        raise SystemExit(f"wrong result: {finished}")


async def batch(name: str, plan: Plan) -> dict[str, float]:
    """Milliseconds a run; of a workload that runs all at once, the wall time is that of all."""
    runs = RUNS[name]
    wall, cpu = time.perf_counter(), time.process_time()
    if name in AT_ONCE:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(runs):
                tasks.create_task(drive(plan, name))
    else:
        for _ in range(runs):
            await drive(plan, name)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    share = 1 if name in AT_ONCE else runs
    return {"cpu_ms": cpu / runs * 1000, "wall_ms": wall / share * 1000}


def load(text: str, http: OutboundClient) -> dict[str, float]:
    """Milliseconds from the text of a file to a plan."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(LOADINGS):
        compiled(text, http)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_ms": cpu / LOADINGS * 1000, "wall_ms": wall / LOADINGS * 1000}


async def count_calls(plan: Plan) -> int:
    """Python and C calls of one run, storing off, from the first event to the last."""
    driver, _ = ready(plan, "x")
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        if event in ("call", "c_call"):
            calls += 1

    sys.setprofile(count)
    try:
        await driver.drive()
    finally:
        sys.setprofile(None)
    return calls


async def waiting(http: OutboundClient) -> dict[str, float]:
    """W7: memory and CPU of runs that wait in a node."""
    seconds = 5.0
    content = json.loads(no_op())
    graph = content["workflow"]["graph"]
    graph["nodes"].insert(1, {"id": "s", "data": {"type": "sleep", "title": "s"}})
    graph["edges"] = [
        {"source": "start", "target": "s", "sourceHandle": "source"},
        {"source": "s", "target": "end", "sourceHandle": "source"},
    ]
    sleep = NodeType("sleep", NodeData, lambda *_: Sleep(seconds))
    plan = compiled(json.dumps(content), http, sleep)
    await drive(compiled(no_op(), http), "W0")
    gc.collect()
    before, wall = private_kb(), time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(WAITING_RUNS):
            tasks.create_task(drive(plan, "W0"))
        await asyncio.sleep(2)
        gc.collect()
        growth, cpu = private_kb() - before, time.process_time()
        await asyncio.sleep(1)
        idle, threads = time.process_time() - cpu, threading.active_count()
    late = time.perf_counter() - wall - seconds
    return {
        "kb_per_run": growth / WAITING_RUNS,
        "idle_cores": idle,
        "late_seconds": late,
        "threads": threads,
    }


def private_kb() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


async def with_client(work: Callable[[OutboundClient], Awaitable[None]]) -> None:
    http = OutboundClient(OutboundRules.parse(["127.0.0.0/8"]))
    try:
        await work(http)
    finally:
        await http.close()


async def table(url: str, http: OutboundClient) -> None:
    print(f"{'':5}{'CPU µs/run':>12}{'µs/node':>10}{'wall ms':>10}{'calls':>8}")
    for name in RUNS:
        plan = compiled(document(name, url), http)
        await batch(name, plan)
        batches = [await batch(name, plan) for _ in range(BATCHES)]
        cpu = statistics.median(each["cpu_ms"] for each in batches) * 1000
        wall = statistics.median(each["wall_ms"] for each in batches)
        calls = "" if name[:2] in ("W4", "W5") else str(await count_calls(plan))
        print(f"{name:5}{cpu:12.1f}{cpu / len(plan.steps):10.2f}{wall:10.3f}{calls:>8}")
    asleep = await waiting(http)
    print(
        f"W7    {asleep['kb_per_run']:.1f} KB/run, {asleep['idle_cores']:.4f} cores, "
        f"{asleep['late_seconds']:.2f} s late, {asleep['threads']} threads"
    )


async def single(name: str, url: str, http: OutboundClient) -> None:
    if name == "W7":
        print(json.dumps(await waiting(http)))
    elif name == "calls":
        plans = {each: compiled(document(each, url), http) for each in ("W0", "W1", "W2", "W3")}
        print(json.dumps({each: await count_calls(plan) for each, plan in plans.items()}))
    elif name in LOADS:
        text = as_yaml(document(LOADS[name], url))
        load(text, http)
        for _ in range(BATCHES):
            print(json.dumps(load(text, http)))
    else:
        plan = compiled(document(name, url), http)
        await batch(name, plan)
        for _ in range(BATCHES):
            print(json.dumps(await batch(name, plan)))


def main() -> None:
    with delay_server() as url:
        if len(sys.argv) > 1:
            asyncio.run(with_client(lambda http: single(sys.argv[1], url, http)))
        else:
            asyncio.run(with_client(lambda http: table(url, http)))


if __name__ == "__main__":
    main()
