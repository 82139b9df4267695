"""Requests per second and server CPU per request (T7, T8), in interleaved rounds: a bare Starlette
endpoint, graphmill, and those other engines that are installed here, behind Starlette.

    python benchmarks/http_load.py [--seconds 4] [--rounds 5] [--connections 32]

The servers run on core 0, the clients (keep-alive, hand-written) on core 1. CPU per request is the
figure to trust. graphmill stores each run and its nodes before it answers, the others store
nothing.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import workloads

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")

Command: TypeAlias = Callable[[Path, int], list[str]]
"""A folder of its own and a port → what starts a server."""


@dataclass(frozen=True, slots=True)
class Figure:
    requests_per_second: float
    cpu_us: float


class Connection(asyncio.Protocol):
    """Sends the same request again as soon as its answer is complete."""

    def __init__(self, request: bytes, counter: list[int]) -> None:
        self.request = request
        self.counter = counter
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        head = head.lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(self.buffer.decode())
        self.counter[0] += 1
        self.buffer = b""
        self.transport.write(self.request)


async def load(port: int, key: str, connections: int, seconds: float) -> int:
    body = json.dumps({"inputs": {"q": "x"}, "response_mode": "blocking", "user": "bench"}).encode()
    request = (
        b"POST /v1/workflows/run HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    counter = [0]
    loop = asyncio.get_running_loop()
    transports = []
    for _ in range(connections):
        transport, _ = await loop.create_connection(
            lambda: Connection(request, counter), "127.0.0.1", port
        )
        transports.append(transport)
    await asyncio.sleep(seconds)
    for transport in transports:
        transport.abort()
    return counter[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def server(command: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise SystemExit(f"nobody listens at port {port}")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)


def starlette(application: str) -> Command:
    """`application` is the module and the function that makes it."""

    def command(folder: Path, port: int) -> list[str]:
        return [
            sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "--factory", application,
            "--port", str(port), "--log-level", "warning", "--no-access-log",
        ]  # fmt: skip

    return command


def graphmill(folder: Path, port: int) -> list[str]:
    (folder / "w0.yml").write_text(workloads.no_op())
    (folder / "w1.yml").write_text(workloads.chain(20))
    config = folder / "config.yaml"
    config.write_text(
        f"data_dir: {folder / 'data'}\n"
        "apps:\n"
        "  - {workflow: w0.yml, api_keys: [app-bench]}\n"
        "  - {workflow: w1.yml, api_keys: [app-chain]}\n"
    )
    return [
        sys.executable, "-m", "graphmill", "serve", "--config", str(config), "--port", str(port),
    ]  # fmt: skip


BARE: Final = "bare Starlette"
NO_OP: Final = "graphmill, no-op"
CHAIN: Final = "graphmill, chain of 20"
GRAPHON: Final = "graphon, chain of 20"
LANGGRAPH: Final = "langgraph, chain of 20"

CELLS: Final = {
    BARE: (starlette("bare:app"), "app-bench"),
    NO_OP: (graphmill, "app-bench"),
    CHAIN: (graphmill, "app-chain"),
    GRAPHON: (starlette("peer_server:graphon"), "app-bench"),
    LANGGRAPH: (starlette("peer_server:langgraph"), "app-bench"),
}
NEEDED: Final = {GRAPHON: "graphon", LANGGRAPH: "langgraph"}
"""What must be installed for a cell."""
TARGETS: Final = (
    ("T7", NO_OP, BARE, 0.40),
    ("T8", CHAIN, BARE, 0.25),
    ("T8", CHAIN, GRAPHON, 60),
    ("T8", CHAIN, LANGGRAPH, 12),
)
"""Requests that a second of CPU serves: the first at least so many times what the second does."""


def measure(cell: str, connections: int, seconds: float) -> Figure:
    build, key = CELLS[cell]
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with server(build(Path(folder), port), port) as pid:
            asyncio.run(load(port, key, connections, 0.5))
            cpu = cpu_seconds(pid)
            count = asyncio.run(load(port, key, connections, seconds))
            cpu = cpu_seconds(pid) - cpu
    return Figure(count / seconds, cpu / count * 1e6)


def present(cell: str) -> bool:
    return cell not in NEEDED or importlib.util.find_spec(NEEDED[cell]) is not None


def print_figures(figures: dict[str, list[Figure]]) -> None:
    for cell, found in figures.items():
        rate = statistics.median(figure.requests_per_second for figure in found)
        cpu = statistics.median(figure.cpu_us for figure in found)
        print(f"{cell:24}{rate:9.0f} req/s{cpu:10.1f} µs CPU a request")


def print_targets(figures: dict[str, list[Figure]]) -> None:
    for name, cell, other, times in TARGETS:
        if other not in figures:
            continue
        pairs = list(zip(figures[cell], figures[other], strict=True))
        rate = statistics.median(a.requests_per_second / b.requests_per_second for a, b in pairs)
        cpu = statistics.median(b.cpu_us / a.cpu_us for a, b in pairs)
        verdict = "met" if cpu >= times else "MISSED"
        print(
            f"{name} {cell} / {other}: {cpu:.3g} by CPU, ≥ {times:g}: {verdict} "
            f"({rate:.3g} by requests per second)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    figures: dict[str, list[Figure]] = {cell: [] for cell in CELLS if present(cell)}
    for _ in range(arguments.rounds):
        for cell, found in figures.items():
            found.append(measure(cell, arguments.connections, arguments.seconds))
    print_figures(figures)
    print_targets(figures)


if __name__ == "__main__":
    main()
