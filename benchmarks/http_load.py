"""Requests per second and server CPU per request: a bare Starlette endpoint and graphmill, in
interleaved rounds.

    python benchmarks/http_load.py [--seconds 4] [--rounds 5] [--connections 32]

The servers run on core 0, the clients (keep-alive, hand-written) on core 1. CPU per request is the
figure to trust.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import workloads

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")


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
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)


def bare(folder: Path, port: int) -> list[str]:
    return [
        sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "bare:app", "--port", str(port),
        "--log-level", "warning", "--no-access-log",
    ]  # fmt: skip


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


CELLS = {
    "bare Starlette": (bare, "app-bench"),
    "graphmill no-op, stored": (graphmill, "app-bench"),
    "graphmill chain of 20, stored": (graphmill, "app-chain"),
}


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    figures: dict[str, list[Figure]] = {cell: [] for cell in CELLS}
    for _ in range(arguments.rounds):
        for cell, found in figures.items():
            found.append(measure(cell, arguments.connections, arguments.seconds))
    yardstick = figures["bare Starlette"]
    for cell, found in figures.items():
        rate = statistics.median(figure.requests_per_second for figure in found)
        cpu = statistics.median(figure.cpu_us for figure in found)
        share = statistics.median(
            figure.requests_per_second / base.requests_per_second
            for figure, base in zip(found, yardstick, strict=True)
        )
        cpu_share = statistics.median(
            base.cpu_us / figure.cpu_us for figure, base in zip(found, yardstick, strict=True)
        )
        print(
            f"{cell:32} {rate:9.0f} req/s  {cpu:7.1f} us CPU/req  "
            f"{share:5.1%} of bare (req/s)  {cpu_share:5.1%} (CPU)"
        )


if __name__ == "__main__":
    main()
