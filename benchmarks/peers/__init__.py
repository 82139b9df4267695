"""Other engines on the workloads, one file each, run by `peer.py`.

A file has `RUNS`, which names the workloads it can do and the runs in a batch, and `build`, which
makes graph and templates ready. Nodes do as little as the workload allows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import jinja2

Batch: TypeAlias = Callable[[], Awaitable[None]]
Prepare: TypeAlias = Callable[[int], Batch]
"""What a batch of so many runs needs is made here, outside the clock."""


def templates(count: int) -> list[jinja2.Template]:
    return [jinja2.Template("{{ x }}.") for _ in range(count)]


def check(found: object, expected: object) -> None:
    if found != expected:
        raise SystemExit(f"wrong result: {found!r}")


def one_by_one(run: Callable[[], Awaitable[object]], expected: object) -> Prepare:
    def prepare(runs: int) -> Batch:
        async def batch() -> None:
            for _ in range(runs):
                check(await run(), expected)

        return batch

    return prepare


def all_at_once(run: Callable[[], Awaitable[object]], expected: object) -> Prepare:
    def prepare(runs: int) -> Batch:
        async def batch() -> None:
            for found in await asyncio.gather(*(run() for _ in range(runs))):
                check(found, expected)

        return batch

    return prepare
