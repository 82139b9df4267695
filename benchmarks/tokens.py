"""Streamed tokens of a model: how much later they arrive, whether all do, what they cost (T6).

    python benchmarks/tokens.py [--runs 100] [--tokens 1000] [--rate 20] [--rounds 3]

First `runs` runs at once, each with a model that says `tokens` tokens at `rate` a second. Every
token carries the time at which it was said; what graphmill adds is the difference to clients that
ask the model themselves. Then one run after the other with 1,000 tokens as fast as they are taken,
beside a bare Starlette stream of 1,000 events, and one that asks the same model and hands on each
token. The server has core 0, all others core 1.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import workloads
from http_load import cpu_seconds, free_port, server, starlette

HERE: Final = Path(__file__).parent
MODEL: Final = "/v1/chat/completions"
RUN: Final = "/v1/workflows/run"
BURST: Final = 1000
BURSTS: Final = 100


@contextmanager
def source() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, str(HERE / "token_source.py"), str(port)]
    with subprocess.Popen(command) as process:
        time.sleep(1.5)
        try:
            yield port
        finally:
            process.terminate()


def serve_command(config: Path, port: int) -> list[str]:
    return [
        sys.executable, "-m", "graphmill", "serve", "--config", str(config), "--port", str(port)
    ]  # fmt: skip


@contextmanager
def graphmill(model_port: int) -> Iterator[tuple[int, int]]:
    """(port, process id)"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tokens.yml").write_text(workloads.streamed())
        config = folder / "config.yaml"
        base_url = f"http://127.0.0.1:{model_port}/v1"
        config.write_text(
            f"data_dir: {folder / 'data'}\n"
            "apps: [{workflow: tokens.yml, api_keys: [app-bench]}]\n"
            f"models: [{{provider: openai, kind: openai, base_url: '{base_url}', api_key: x}}]\n"
        )
        port = free_port()
        with server(serve_command(config, port), port) as pid:
            time.sleep(1)
            yield port, pid


async def frames(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """The events of an answer; its chunks may end anywhere."""
    await reader.readuntil(b"\r\n\r\n")
    rest = b""
    while size := int(await reader.readline(), 16):
        rest += await reader.readexactly(size)
        await reader.readexactly(2)
        *whole, rest = rest.split(b"\n\n")
        for frame in whole:
            yield frame


async def texts(
    port: int, path: str, order: str, *, key: str = "app-bench"
) -> AsyncGenerator[str, None]:
    """The pieces of text that a stream brings, of a run or of a model."""
    messages = [{"role": "user", "content": order}]
    body = {"messages": messages} if path == MODEL else {"inputs": {"q": order}}
    content = json.dumps({**body, "response_mode": "streaming", "user": "bench"}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
    )
    try:
        async for frame in frames(reader):
            if not frame.startswith(b"data: {"):
                continue
            event = json.loads(frame[6:])
            if event.get("event") == "text_chunk":
                yield event["data"]["text"]
            elif event.get("choices"):
                yield event["choices"][0]["delta"].get("content", "")
            elif event.get("event") == "workflow_finished":
                assert event["data"]["status"] == "succeeded", event
    finally:
        writer.close()


async def listen(port: int, path: str, name: str, tokens: int, rate: float) -> list[float]:
    """Milliseconds from saying to hearing, of each token; they come whole and in order."""
    delays = []
    async for text in texts(port, path, f"{name} {tokens} {rate}"):
        now = time.monotonic_ns()
        for token in text.split():
            who, number, said = token.split(":")
            assert (who, int(number)) == (name, len(delays)), f"{token} came as {len(delays)}"
            delays.append((now - int(said)) / 1e6)
    assert len(delays) == tokens, f"{len(delays)} of {tokens} tokens came"
    return delays


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def listen_all(port: int, path: str, arguments: argparse.Namespace) -> list[float]:
    runs = (
        listen(port, path, f"r{number}", arguments.tokens, arguments.rate)
        for number in range(arguments.runs)
    )
    return [delay for delays in await asyncio.gather(*runs) for delay in delays]


async def listen_and_watch(
    port: int, pid: int, arguments: argparse.Namespace
) -> tuple[list[float], list[float]]:
    """Delays, and the memory of the server each second."""
    memory = []
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(listen_all(port, RUN, arguments))
        while not listening.done():
            await asyncio.wait([listening], timeout=1)
            memory.append(resident_mb(pid))
    return listening.result(), memory


def print_delays(title: str, delays: list[float]) -> float:
    cuts = statistics.quantiles(delays, n=100)
    print(f"{title:12} median {cuts[49]:7.2f} ms   p99 {cuts[98]:7.2f} ms   most {max(delays):.1f}")
    return cuts[98]


def burst_ms(port: int, pid: int) -> float:
    """CPU of the server for one stream of 1,000 tokens."""

    async def bursts(count: int) -> None:
        for _ in range(count):
            async for _ in texts(port, RUN, f"r {BURST} 0"):
                pass

    asyncio.run(bursts(5))
    before = cpu_seconds(pid)
    asyncio.run(bursts(BURSTS))
    return (cpu_seconds(pid) - before) / BURSTS * 1e3


def bare_ms(application: str) -> float:
    port = free_port()
    with server(starlette(f"token_source:{application}")(HERE, port), port) as pid:
        return burst_ms(port, pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    with source() as model:
        direct = asyncio.run(listen_all(model, MODEL, arguments))
        with graphmill(model) as (port, pid):
            delays, memory = asyncio.run(listen_and_watch(port, pid, arguments))
            os.environ["MODEL_PORT"] = str(model)
            bursts = [
                (burst_ms(port, pid), bare_ms("bare"), bare_ms("relay"))
                for _ in range(arguments.rounds)
            ]
    added = -print_delays("the model", direct) + print_delays("graphmill", delays)
    print(f"added to p99: {added:.1f} ms (target: less than 20)")
    shown = ", ".join(f"{each:.0f}" for each in memory[:: max(1, len(memory) // 8)])
    print(f"memory of the server over the time: {shown} MB")
    ours, bare, relay = (statistics.median(column) for column in zip(*bursts, strict=True))
    print(f"1,000 tokens: {ours:.2f} ms CPU; bare stream {bare:.2f} ms, relay {relay:.2f} ms")
    for name, column in (("bare stream", 1), ("relay", 2)):
        times = statistics.median(burst[column] / burst[0] for burst in bursts)
        print(f"T6 {name} / graphmill: {times:.2f}")


if __name__ == "__main__":
    main()
