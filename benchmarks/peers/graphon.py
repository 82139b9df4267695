"""graphon reads the Dify file itself; the engine that each run needs is made outside the clock."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from graphon.dsl import loads
from graphon.engine import Engine

from peers import Batch, Prepare, check
from workloads import AT_ONCE, EXPECTED, LOADS, as_yaml, document, question

RUNS: Final = {
    "W0": 10, "W1": 10, "W1L": 3, "W2": 10, "W3": 10, "W4S": 3, "W4": 1, "W4P": 1,
    "W5": 3, "W5c": 200, "load W1": 5, "load W2": 3,
}  # fmt: skip


def build(workload: str, url: str) -> Prepare:
    if workload in LOADS:
        return partial(_loads, as_yaml(document(LOADS[workload], url)))
    return partial(_runs, workload, document(workload, url))


def engine(text: str, q: object = "x") -> Engine:
    return loads(text, credentials={}, workflow_id="w", start_inputs={"q": q})


def run(ready: Engine, expected: object) -> None:
    check(list(ready.run())[-1].outputs["out"], expected)


def _runs(workload: str, text: str, runs: int) -> Batch:
    engines = [engine(text, question(workload)) for _ in range(runs)]
    expected = EXPECTED[workload]

    async def batch() -> None:
        # Its `run` blocks, so runs at the same time are threads.
        if workload in AT_ONCE:
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
