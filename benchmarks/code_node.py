"""The code node (T14): the round trip of whole runs of start → code → end, one after the other and
many at a time, in the sandbox of this server; beside it what a fresh Python process costs.

    python benchmarks/code_node.py [--runs 1000] [--at-once 16]

Nothing is stored. The time of a run without its code node is shown, so it can be taken off.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

from graphmill.config import Settings
from graphmill.dsl.model import Workflow
from graphmill.engine.events import RunStatus
from graphmill.engine.plan import Plan
from graphmill.service.apps.reading import read_workflow
from graphmill.service.bench import Bench
from graphmill.wiring.bench import build_bench
from workloads import code, no_op

PROCESSES: Final = 40
ROUNDS: Final = 5
WARM_UP: Final = 20
P50_MS: Final = 5.0
CALLS_PER_SECOND: Final = 300.0
PROCESS_RATIO: Final = 20.0

Call = Callable[[], Awaitable[None]]


def run_of(bench: Bench, text: str, expected: str) -> Call:
    content = text.encode()
    workflow: Workflow
    plan: Plan
    workflow, plan = read_workflow(content, bench.ports, environment={}).compiled()

    async def run() -> None:
        feed = await bench.start("code", content, workflow, plan, {"q": "x"})
        end = await feed.finished()
        if end.status is not RunStatus.SUCCEEDED or end.outputs != {"out": expected}:
            raise SystemExit(f"{end.status}: {end.error or end.outputs}")

    return run


async def one_by_one(call: Call, times: int) -> list[float]:
    """Milliseconds of each."""
    for _ in range(WARM_UP):
        await call()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        found.append((time.perf_counter() - began) * 1000)
    return found


async def at_once(call: Call, times: int, lanes: int) -> float:
    """Runs a second, with so many under way at any time."""

    async def lane() -> None:
        for _ in range(times // lanes):
            await call()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(lanes):
            tasks.create_task(lane())
    return times // lanes * lanes / (time.perf_counter() - began)


def fresh_process_ms() -> float:
    program = "import json; q = 'x'; print(json.dumps({'out': q + '.'}))"
    found = []
    for _ in range(PROCESSES):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def print_target(what: str, figure: float, target: float, *, least: bool) -> None:
    met = figure >= target if least else figure <= target
    sign = "≥" if least else "≤"
    print(f"T14 {what}: {figure:.3g}, {sign} {target:g}: {'met' if met else 'MISSED'}")


async def measure(times: int, lanes: int) -> None:
    process = fresh_process_ms()
    print(f"{'a fresh Python process':24}{process:8.2f} ms p50")
    async with build_bench(Settings()) as bench:
        cases = {
            "without code": run_of(bench, no_op(), "x"),
            "python3": run_of(bench, code("python3"), "x."),
            "javascript": run_of(bench, code("javascript"), "x."),
        }
        found: dict[str, list[float]] = {name: [] for name in cases}
        rates: dict[str, list[float]] = {name: [] for name in cases}
        # A neighbour who is busy for a while spoils a round and not the figure.
        for _ in range(ROUNDS):
            for name, call in cases.items():
                found[name] += await one_by_one(call, times // ROUNDS)
                rates[name].append(await at_once(call, times // ROUNDS, lanes))
    for name, milliseconds in found.items():
        p50, p99 = (sorted(milliseconds)[int(times * share) - 1] for share in (0.5, 0.99))
        rate = statistics.median(rates[name])
        print(f"{name:24}{p50:8.2f} ms p50{p99:8.2f} ms p99{rate:9.0f} runs/s")
    p50 = statistics.median(found["python3"])
    print_target("round trip in ms", p50, P50_MS, least=False)
    print_target(
        "calls a second", statistics.median(rates["python3"]), CALLS_PER_SECOND, least=True
    )
    print_target("fresh process / round trip", process / p50, PROCESS_RATIO, least=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    arguments = parser.parse_args()
    if arguments.runs < (fewest := ROUNDS * arguments.at_once):
        parser.error(
            f"--runs {arguments.runs} is too few: {fewest} are needed, --at-once of them a round"
        )
    uvloop.run(measure(arguments.runs, arguments.at_once))


if __name__ == "__main__":
    main()
