"""All engines side by side: one table a workload, with the targets that it decides.

    python benchmarks/compare.py [--rounds 3] [--only W1 W3]

Run it where the other engines are installed (`scripts/bench` makes that place); those that are not
there are left out. Each figure comes from a fresh process, rounds are interleaved (A B C, A B C),
and ratios are medians of the ratios of each round, so that a busy neighbour spoils one round only.
CPU of the whole process is the figure to trust.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
OURS: Final = "graphmill"
CELL_SECONDS: Final = 300
"""No process takes longer than this."""

TITLES: Final = {
    "W0": "start and end",
    "W1": "a chain of 20 templates",
    "W1L": "a chain of 200 templates",
    "W2": "50 templates in parallel and a join",
    "W3": "a ladder of 10 if-else nodes",
    "W4S": "an iteration over 50 items",
    "W4": "an iteration over 1000 items",
    "W4P": "an iteration over 1000 items, 10 at a time",
    "W5": "20 http-request nodes in parallel, each of 100 ms",
    "W5c": "200 runs at once of an http-request of 100 ms and a template",
    "load W1": "the file of W1 read and built",
    "load W2": "the file of W2 read and built",
}
PEERS: Final = {
    "graphon": set(TITLES),
    "langgraph": {"W0", "W1", "W1L", "W2", "W3", "W4S", "W4", "W4P", "W5", "W5c"},
    "haystack": {"W0", "W1", "W1L", "W2", "W3"},
    "burr": {"W0", "W1", "W1L", "W3"},
}

Figures = dict[str, float]
"""`cpu_ms` and `wall_ms`: the median batch of a process."""
Rounds = dict[str, list[Figures]]
"""By engine."""


@dataclass(frozen=True, slots=True)
class Against:
    """The engine needs at least so many times our milliseconds."""

    name: str
    workload: str
    peer: str
    figure: str
    times: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """Our milliseconds."""

    name: str
    workload: str
    figure: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Growth:
    """One of many needs at most so many times the CPU of one of few."""

    name: str
    of: str
    few: tuple[str, int]
    """The workload and its count."""
    many: tuple[str, int]
    times: float


AGAINST: Final = (
    Against("T1", "W1", "graphon", "cpu_ms", 40),
    Against("T1", "W1", "graphon", "wall_ms", 60),
    Against("T1", "W1", "langgraph", "cpu_ms", 12),
    Against("T1", "W1", "burr", "cpu_ms", 2.5),
    Against("T3", "W2", "graphon", "cpu_ms", 35),
    Against("T3", "W2", "langgraph", "cpu_ms", 9),
    Against("T3", "W2", "haystack", "cpu_ms", 4),
    Against("T3", "W3", "graphon", "cpu_ms", 45),
    Against("T3", "W3", "langgraph", "cpu_ms", 35),
    Against("T3", "W3", "burr", "cpu_ms", 4),
    Against("T4", "W4", "graphon", "cpu_ms", 150),
    Against("T5", "W5", "graphon", "cpu_ms", 100),
    Against("T5", "W5", "langgraph", "cpu_ms", 1),
    Against("T5", "W5c", "graphon", "cpu_ms", 60),
    Against("T11", "load W1", "graphon", "cpu_ms", 3),
    Against("T11", "load W2", "graphon", "cpu_ms", 3),
)
AT_MOST: Final = (
    AtMost("T5", "W5", "wall_ms", 108),
    AtMost("T5", "W5c", "wall_ms", 250),
)
GROWTHS: Final = (
    Growth("T2", "node", ("W1", 22), ("W1L", 202), 1.15),
    Growth("T4", "item", ("W4S", 50), ("W4", 1000), 1.1),
)
CALLS: Final = {"W0": 250, "W1": 3000}
"""T12."""


def run(script: str, *arguments: str) -> list[str]:
    """The lines that a process prints."""
    command = [sys.executable, HERE / script, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CELL_SECONDS, check=False
    )
    if done.returncode:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout.splitlines()


def measure(engine: str, workload: str) -> Figures:
    arguments = ("engine.py", workload) if engine == OURS else ("peer.py", engine, workload)
    batches: list[Figures] = [json.loads(line) for line in run(*arguments)]
    return {
        figure: statistics.median(batch[figure] for batch in batches)
        for figure in ("cpu_ms", "wall_ms")
    }


def measure_rounds(workload: str, engines: Iterable[str], rounds: int) -> Rounds:
    found: Rounds = {engine: [] for engine in engines}
    for _ in range(rounds):
        for engine, figures in found.items():
            figures.append(measure(engine, workload))
    return found


def median(rounds: list[Figures], figure: str) -> float:
    return statistics.median(each[figure] for each in rounds)


def ratio(found: Rounds, engine: str, figure: str) -> float:
    """How many times ours it is."""
    pairs = zip(found[engine], found[OURS], strict=True)
    return statistics.median(theirs[figure] / ours[figure] for theirs, ours in pairs)


def table(workload: str, found: Rounds) -> Iterator[str]:
    yield f"\n{workload}: {TITLES[workload]}"
    yield f"{'':12}{'CPU ms':>10}{'wall ms':>10}{'× CPU':>9}{'× wall':>9}  target"
    for engine, rounds in found.items():
        cells = [f"{median(rounds, figure):10.3f}" for figure in ("cpu_ms", "wall_ms")]
        if engine == OURS:
            cells.append(" " * 18)
        else:
            cells += [f"{ratio(found, engine, figure):8.1f}×" for figure in ("cpu_ms", "wall_ms")]
        wanted = verdicts(workload, engine, found)
        yield f"{engine:12}{''.join(cells)}  {', '.join(wanted)}".rstrip()


def verdicts(workload: str, engine: str, found: Rounds) -> Iterator[str]:
    if engine == OURS:
        for limit in AT_MOST:
            if limit.workload == workload:
                met = median(found[OURS], limit.figure) <= limit.milliseconds
                yield f"{limit.name} {limit.figure} ≤ {limit.milliseconds:g}: {verdict(met)}"
    for target in AGAINST:
        if (target.workload, target.peer) == (workload, engine):
            met = ratio(found, engine, target.figure) >= target.times
            yield f"{target.name} {target.figure} ≥ {target.times:g}×: {verdict(met)}"


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def print_growth(growth: Growth, found: dict[str, Rounds]) -> None:
    small, large = (
        [each["cpu_ms"] / count for each in found[workload][OURS]]
        for workload, count in (growth.few, growth.many)
    )
    times = statistics.median(b / a for a, b in zip(small, large, strict=True))
    print(
        f"\nA {growth.of} of {growth.many[1]} against one of {growth.few[1]}: {times:.2f}×  "
        f"{growth.name} ≤ {growth.times}×: {verdict(times <= growth.times)}"
    )


def print_calls() -> None:
    (line,) = run("engine.py", "calls")
    for workload, calls in json.loads(line).items():
        most = CALLS.get(workload)
        target = "" if most is None else f"  T12 ≤ {most}: {verdict(calls <= most)}"
        print(f"Calls of a run of {workload}: {calls}{target}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=TITLES, default=list(TITLES))
    arguments = parser.parse_args()
    present = [peer for peer in PEERS if importlib.util.find_spec(peer) is not None]
    found: dict[str, Rounds] = {}
    for workload in arguments.only:
        engines = [OURS, *(peer for peer in present if workload in PEERS[peer])]
        found[workload] = measure_rounds(workload, engines, arguments.rounds)
        print("\n".join(table(workload, found[workload])), flush=True)
    for growth in GROWTHS:
        if {growth.few[0], growth.many[0]} <= found.keys():
            print_growth(growth, found)
    print_calls()


if __name__ == "__main__":
    main()
