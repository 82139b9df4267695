"""A real server process on loopback, and the stand-ins it talks to, as context managers."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

FAKES = Path(__file__).parent / "conformance" / "fakes.py"
START_SECONDS = 30.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ServerProcess:
    port: int
    pid: int
    data_dir: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def resident_bytes(self) -> int:
        """Memory of the process that is in RAM now (Linux)."""
        return self._memory("VmRSS")

    def peak_resident_bytes(self) -> int:
        return self._memory("VmHWM")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    def client(self, key: str) -> httpx.Client:
        """Requests with the API key of an app."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"})


def events_of(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of an open stream, without its pings."""
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(
    config: Mapping[str, Any],
    directory: Path,
    *,
    port: int | None = None,
    launcher: Sequence[str] = (),
) -> Iterator[ServerProcess]:
    """`graphmill serve` with `config`, its data in `directory`; answering when this returns.

    `config` needs no `server` and no `data_dir`; `launcher` is a program that starts others."""
    port = port or free_port()
    data_dir, path, log = directory / "data", directory / "config.yaml", directory / "server.log"
    server = {"host": "127.0.0.1", "port": port}
    # JSON is YAML too.
    path.write_text(json.dumps({"server": server, "data_dir": str(data_dir), **config}))
    command = [*launcher, sys.executable, "-m", "graphmill", "serve", "--config", str(path)]
    with log.open("wb") as output, _process(command, stdout=output, stderr=output) as process:
        running = ServerProcess(port, process.pid, data_dir)
        _await_health(process, running.url, log)
        yield running


@contextmanager
def running_stand_ins(**ports: int) -> Iterator[None]:
    """The kit's stand-ins (`echo`, `model`, `sandbox`) on these ports."""
    wanted = ",".join(f"{kind}={port}" for kind, port in ports.items())
    command = [sys.executable, str(FAKES), "--ports", wanted]
    with _process(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for kind, port in ports.items():
            if not process.stdout.readline():
                raise AssertionError(f"the {kind} stand-in did not start; is port {port} taken?")
        yield


@contextmanager
def running_s3() -> Iterator[str]:
    """A service that speaks S3's protocol and keeps objects in memory; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _await_answer(process, f"{url}/moto-api/")
        yield url


@contextmanager
def _process(command: list[str], **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, **streams) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _await_health(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    try:
        _await_answer(process, f"{url}/health")
    except TimeoutError:
        raise AssertionError(f"the server does not answer; it said:\n{log.read_text()}") from None


def _await_answer(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(f"nobody answers at {url}")
