"""The server as a process: what it prints, how it ends."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import events_of, free_port
from tests.service.world import TEXT, echo, waiting

KEY = "app-of-my-own"
DOCUMENTS = {
    "variable": "docs",
    "type": "file-list",
    "required": True,
    "allowed_file_types": ["document", "image"],
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


class Serving:
    """A running `graphmill serve`."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, folder: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder

    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "logged").read_text().splitlines()]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {KEY}"})

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit status after this signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@contextmanager
def serving(folder: Path, config: Mapping[str, Any], *arguments: str) -> Iterator[Serving]:
    (folder / "config.yaml").write_text(json.dumps(config))
    port = free_port()
    command = [sys.executable, "-m", "graphmill", "serve", "--port", str(port), *arguments]
    with (
        (folder / "printed").open("w") as printed,
        (folder / "logged").open("w") as logged,
        subprocess.Popen(command, cwd=folder, stdout=printed, stderr=logged, text=True) as process,
    ):
        server = Serving(process, port, folder)
        try:
            _await_answer(server)
            yield server
        finally:
            process.kill()


def _await_answer(server: Serving) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{server.url}/health")
        except httpx.TransportError:
            assert server.process.poll() is None, (server.folder / "logged").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        else:
            return


def refused(folder: Path, config: str, *arguments: str) -> str:
    """What `serve` says when it cannot start."""
    (folder / "config.yaml").write_text(config)
    command = [sys.executable, "-m", "graphmill", "serve", *arguments]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert (1, "") == (ended.returncode, ended.stdout)
    return ended.stderr


def test_every_app_is_announced_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "echo.yml").write_text(echo())
    (tmp_path / "broken.yml").write_text("app: [")
    apps = [
        {"workflow": "echo.yml", "api_keys": [KEY], "name": "Parrot"},
        {"workflow": "broken.yml"},
        {"workflow": "echo.yml", "slug": "off", "api_enabled": False},
        {"workflow": "echo.yml", "slug": "draft", "published": False},
    ]
    with serving(tmp_path, {"apps": apps}) as server:
        blocks = server.printed().split("\n\n")
        keys = json.loads((tmp_path / "data" / "keys.json").read_text())
        mode = stat.S_IMODE((tmp_path / "data" / "keys.json").stat().st_mode)
        messages = [record["message"] for record in server.logged()]
    assert re.fullmatch(rf"graphmill \S+ serves {server.url}/v1", blocks[0])
    assert blocks[1].startswith(f"Parrot (echo)\n  keys: {KEY}\n  curl -s {server.url}/v1/")
    assert (
        f"broken (broken)\n  keys: {keys['broken']}\n  cannot run; see: graphmill check"
        in (blocks[2])
    )
    assert "switched off" in blocks[3]
    assert "not published" in blocks[4]
    assert ({"broken", "off", "draft"}, 0o600) == (keys.keys(), mode)
    assert any("broken.yml:2:1: error[yaml-syntax]" in message for message in messages)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(
    ("variables", "output"),
    [
        ([TEXT], "Hello"),
        ([{**TEXT, "max_length": 2}], "He"),
        ([{**TEXT, "type": "select", "options": ["it's", "b"]}], "it's"),
        ([{"variable": "n", "type": "number", "required": True}, TEXT], 1),
        ([{"variable": "cfg", "type": "json_object", "required": True}], {}),
        ([{"variable": "yes", "type": "checkbox", "required": True}], True),
        ([{**TEXT, "required": False}], None),
    ],
)
def test_announced_request_can_be_pasted(
    tmp_path: Path, variables: list[dict[str, Any]], output: object
) -> None:
    assert output == pasted(tmp_path, echo(*variables))["out"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_announced_request_uploads_the_file_that_is_required(tmp_path: Path) -> None:
    [file] = pasted(tmp_path, echo(DOCUMENTS))["out"]
    assert ("sample.txt", "document", 5) == (file["filename"], file["type"], file["size"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_announced_question_can_be_pasted(tmp_path: Path) -> None:
    workflow = Path(__file__).parent.parent / "conformance" / "apps" / "chat-echo.yml"
    assert "Echo: Hello" == answered(tmp_path, workflow.read_text())["answer"]


def pasted(folder: Path, workflow: str) -> dict[str, Any]:
    """The outputs of the request that is printed for an app."""
    return dict(answered(folder, workflow)["data"]["outputs"])


def answered(folder: Path, workflow: str) -> dict[str, Any]:
    (folder / "echo.yml").write_text(workflow)
    with serving(folder, {"apps": [{"workflow": "echo.yml"}]}) as server:
        [line] = [line for line in server.printed().splitlines() if "curl" in line]
        answer = subprocess.run(
            ["/bin/sh", "-c", line], capture_output=True, text=True, timeout=20, check=True
        )
    return dict(json.loads(answer.stdout))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, {}) as server:
        started = time.monotonic()
        assert 0 == server.end(number)
        assert time.monotonic() - started < 3
        assert [] == server.logged()


def test_run_that_ends_soon_ends_before_the_server(tmp_path: Path, echo_url: str) -> None:
    with waiting_run(tmp_path, f"{echo_url}/sleep/2") as (server, events):
        server.process.send_signal(signal.SIGTERM)
        last = list(events)[-1]
        assert ("workflow_finished", "succeeded") == (last["event"], last["data"]["status"])
        assert 0 == server.process.wait(timeout=5)


def test_run_that_takes_long_is_left_to_the_next_server(tmp_path: Path, echo_url: str) -> None:
    with waiting_run(tmp_path, f"{echo_url}/sleep/30") as (server, events):
        server.process.send_signal(signal.SIGTERM)
        assert "workflow_finished" not in {event["event"] for event in events}
        assert 0 == server.process.wait(timeout=5)


@contextmanager
def waiting_run(folder: Path, url: str) -> Iterator[tuple[Serving, Iterator[dict[str, Any]]]]:
    """A server with a run that waits for `url`, and the events of the run."""
    (folder / "waiting.yml").write_text(waiting())
    config = {
        "apps": [{"workflow": "waiting.yml", "api_keys": [KEY]}],
        "http_request": {"allow": ["127.0.0.0/8"]},
    }
    body = {"inputs": {"url": url}, "response_mode": "streaming", "user": "u"}
    with (
        serving(folder, config) as server,
        server.client() as client,
        client.stream("POST", "/v1/workflows/run", json=body, timeout=20) as stream,
    ):
        events = events_of(stream)
        yield server, events


def test_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, {}) as server:
        port = server.url.rpartition(":")[2]
        message = refused(tmp_path, "{}", "--port", port)
    assert f"Cannot listen at 127.0.0.1 port {port}: Address already in use" in message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("server: {prot: 1}", "config.yaml:1:10: server.prot is not a setting"),
        ("apps: [{}]", "apps[0].workflow is missing"),
        ("storage: {kind: s3}", "storage: kind s3 needs s3.bucket"),
        ("database_url: postgresql://x/y", "only SQLite works so far"),
        ("http_request: {allow: [':::']}", "http_request.allow"),
        (
            "models: [{provider: '*', kind: openai, base_url: 'http://a!b/v1'}]",
            "'http://a!b/v1' names no host that could be reached",
        ),
        ("data_dir: config.yaml/data", "cannot be used: Not a directory"),
    ],
)
def test_configuration_that_cannot_be_served_is_told(
    tmp_path: Path, config: str, message: str
) -> None:
    said = refused(tmp_path, config, "--port", "0")
    assert message in said
    assert "Traceback" not in said


def test_configuration_named_on_the_command_line_has_to_be_there(tmp_path: Path) -> None:
    assert "none.yaml cannot be read" in refused(tmp_path, "", "--config", "none.yaml")


def test_sections_without_use_are_told(tmp_path: Path) -> None:
    with serving(tmp_path, {"cluster": {}}) as server:
        [record] = server.logged()
    assert ("warning", True) == (record["level"], "cluster" in record["message"])


def test_interrupted_run_on_the_terminal_is_stopped(tmp_path: Path, echo_url: str) -> None:
    (tmp_path / "waiting.yml").write_text(waiting())
    (tmp_path / "config.yaml").write_text("http_request: {allow: [127.0.0.0/8]}")
    command = [sys.executable, "-m", "graphmill", "run", "waiting.yml"]
    with subprocess.Popen(
        [*command, "-i", f"url={echo_url}/sleep/20"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FORCE_COLOR": "1"},
    ) as process:
        assert process.stderr is not None
        shown = ""
        while "Page" not in shown:
            shown += process.stderr.read(1)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=10)
    assert (130, True) == (process.returncode, "stopped: Stopped by user." in rest)
