"""One of the other engines on one workload; prints a JSON object a batch, as engine.py does.

    python benchmarks/peer.py graphon W1

Milliseconds a run. Of a workload that runs all at once, the wall time is that of all.
"""

import asyncio
import importlib
import json
import sys
import time

from delay import delay_server
from peers import Prepare
from workloads import AT_ONCE, BATCHES


async def measure(prepare: Prepare, runs: int, *, at_once: bool) -> None:
    await prepare(runs if at_once else 2)()
    for _ in range(BATCHES):
        batch = prepare(runs)
        wall, cpu = time.perf_counter(), time.process_time()
        await batch()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        share = 1 if at_once else runs
        print(json.dumps({"cpu_ms": cpu / runs * 1000, "wall_ms": wall / share * 1000}))


def main() -> None:
    peer, workload = sys.argv[1:]
    module = importlib.import_module(f"peers.{peer}")
    with delay_server() as url:
        prepare = module.build(workload, url)
        asyncio.run(measure(prepare, module.RUNS[workload], at_once=workload in AT_ONCE))


if __name__ == "__main__":
    main()
