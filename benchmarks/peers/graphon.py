"""graphon reads the Dify file itself; the engine that each run needs is made outside the clock."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from graphon.dsl import loads
from graphon.engine import Engine

from peers import Batch, Prepare, check
from workloads import AT_ONCE, EXPECTED, LOADS, as_yaml, document

RUNS: Final = {
    "W0": 10, "W1": 10, "W1L": 3, "W2": 10, "W3": 10, "W5": 3, "W5c": 200,
    "load W1": 5, "load W2": 3,
}  # fmt: skip


def build(workload: str, url: str) -> Prepare:
    if workload in LOADS:
        return partial(_loads, as_yaml(document(LOADS[workload], url)))
    text = document(workload, url)
    return partial(_runs, text, EXPECTED[workload], threads=workload in AT_ONCE)


def engine(text: str) -> Engine:
    return loads(text, credentials={}, workflow_id="w", start_inputs={"q": "x"})


def run(ready: Engine, expected: str) -> None:
    check(list(ready.run())[-1].outputs["out"], expected)


def _runs(text: str, expected: str, runs: int, *, threads: bool) -> Batch:
    engines = [engine(text) for _ in range(runs)]

    async def batch() -> None:
        # Its `run` blocks, so runs at the same time are threads.
        if threads:
            with ThreadPoolExecutor(runs) as pool:
                list(pool.map(partial(run, expected=expected), engines))
        else:
            for ready in engines:
                run(ready, expected)

    return batch


def _loads(text: str, runs: int) -> Batch:
    async def batch() -> None:
        for _ in range(runs):
            engine(text)

    return batch
