"""Start-up and memory of the real server (T9, T10): first 200, idle RSS, and what a waiting run
with its open stream costs.

    python benchmarks/footprint.py [--waiting 1000]
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import workloads
from http_load import cpu_seconds, free_port
from tokens import resident_mb, serve_command


def start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """Start the server; the process, and the seconds until its first 200."""
    began = time.perf_counter()
    process = subprocess.Popen(
        serve_command(folder / "config.yaml", port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while time.perf_counter() - began < 30:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return process, time.perf_counter() - began
        except OSError:
            time.sleep(0.005)
    raise SystemExit("the server did not answer within 30 s")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)


async def slow_server() -> asyncio.Server:
    """Accepts connections and stays silent."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, backlog=4096)


async def open_stream(port: int) -> asyncio.StreamWriter:
    body = json.dumps({"inputs": {"q": "x"}, "response_mode": "streaming", "user": "bench"})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        "POST /v1/workflows/run HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer app-wait\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    received = b""
    while b'"node_type":"http-request"' not in received:
        piece = await asyncio.wait_for(reader.read(65536), 30)
        if not piece:
            raise SystemExit(received.decode())
        received += piece
    return writer


async def waiting_runs(folder: Path, count: int, *, connected: bool) -> None:
    """Runs that wait for an answer, or between two attempts without a connection of their own."""
    silent = await slow_server() if connected else None
    peer = silent.sockets[0].getsockname()[1] if silent is not None else free_port()
    retry = None if connected else 600
    (folder / "wait.yml").write_text(
        workloads.http_then_template(f"http://127.0.0.1:{peer}/", retry_after_seconds=retry)
    )
    (folder / "config.yaml").write_text(
        f"data_dir: {folder / f'waiting{peer}'}\n"
        f"http_request: {{allow: ['127.0.0.1:{peer}'], timeout_seconds: {{read: 600}}}}\n"
        "apps:\n  - {workflow: wait.yml, api_keys: [app-wait]}\n"
    )
    port = free_port()
    process, _ = start(folder, port)
    streams = [await open_stream(port)]
    before = resident_mb(process.pid)
    streams += await asyncio.gather(*(open_stream(port) for _ in range(count)))
    await asyncio.sleep(2)
    after, cpu = resident_mb(process.pid), cpu_seconds(process.pid)
    await asyncio.sleep(5)
    cpu = (cpu_seconds(process.pid) - cpu) / 5
    print(
        f"{count} runs with open streams, "
        f"waiting {'in a request' if connected else 'to try again'}: "
        f"{(after - before) * 1024 / count:.1f} KB each, {cpu:.3f} cores"
    )
    for writer in streams:
        writer.close()
    stop(process)
    if silent is not None:
        silent.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--starts", type=int, default=5)
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, limit), limit))
    # Only the first start of a new installation compiles anything.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "w0.yml").write_text(workloads.no_op())
        firsts, laters, idles = [], [], []
        for number in range(arguments.starts):
            (folder / "config.yaml").write_text(
                f"data_dir: {folder / f'data{number}'}\n"
                "apps:\n  - {workflow: w0.yml, api_keys: [app-x]}\n"
            )
            for seconds in (firsts, laters):
                process, first = start(folder, free_port())
                time.sleep(1)
                seconds.append(first)
                idles.append(resident_mb(process.pid))
                stop(process)
        print(f"first 200, new data_dir: {statistics.median(firsts):.2f} s (min {min(firsts):.2f})")
        print(
            f"first 200, existing data_dir: {statistics.median(laters):.2f} s "
            f"(min {min(laters):.2f})"
        )
        print(f"idle RSS: {statistics.median(idles):.1f} MB")
        asyncio.run(waiting_runs(folder, arguments.waiting, connected=False))
        asyncio.run(waiting_runs(folder, arguments.waiting, connected=True))


if __name__ == "__main__":
    main()
