"""1,000 chunks that are made in the process, over HTTP (T6): server CPU, in interleaved rounds.

    python benchmarks/chunks.py [--rounds 5]

A node streams them: through driver, journal and event stream, stored like those of any run. Beside
it, a bare Starlette stream that yields 1,000 events. Once all are made in one go, as T6 has it, and
once each gives the loop a turn, so that both write each on its own. The servers run on core 0, the
client on core 1.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import workloads
from http_load import free_port, server
from tokens import BURST, bare_ms, burst_ms

HERE: Final = Path(__file__).parent
TARGET: Final = 2.0
PAIRS: Final = {"in one go": ("bare", BURST), "one by one": ("bare_turns", 1)}
"""The bare stream, and how many chunks graphmill makes before others get a turn."""


@contextmanager
def graphmill(at_once: int) -> Iterator[tuple[int, int]]:
    """(port, process id)"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "chunks.yml").write_text(workloads.chunks(BURST, at_once))
        config = folder / "config.yaml"
        config.write_text(
            f"data_dir: {folder / 'data'}\n"
            "apps: [{workflow: chunks.yml, api_keys: [app-bench]}]\n"
        )
        port = free_port()
        command = [sys.executable, str(HERE / "chunk_server.py"), "serve"]
        with server([*command, "--config", str(config), "--port", str(port)], port) as pid:
            yield port, pid


def graphmill_ms(at_once: int) -> float:
    with graphmill(at_once) as (port, pid):
        return burst_ms(port, pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in PAIRS}
    for _ in range(arguments.rounds):
        for name, (application, at_once) in PAIRS.items():
            figures[name].append((bare_ms(application), graphmill_ms(at_once)))
    for name, found in figures.items():
        bare, ours = (statistics.median(column) for column in zip(*found, strict=True))
        times = statistics.median(bare / ours for bare, ours in found)
        print(
            f"T6 {BURST} chunks {name}: graphmill {ours:.2f} ms CPU, bare stream {bare:.2f} ms; "
            f"{times:.2f} times, ≥ {TARGET:g}: {'met' if times >= TARGET else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
