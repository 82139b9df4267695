"""Code nodes over HTTP: stopping, dying and coming back, and what is told of their walls."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dsl.files import edges, node, workflow_text
from tests.sandbox.test_fork_server import children_of, is_alive, zygotes_of
from tests.server_process import ServerProcess, events_of, running_server

KEY = "app-code"
PYTHON = """\
import time

def main(order):
    print("order", order)
    if order == "sleep":
        time.sleep(1000)
    if order == "compute":
        while True:
            pass
    if order == "fail":
        return {"out": 1 / 0}
    return {"out": order.upper()}
"""
WITHOUT_SECCOMP = Path(__file__).parents[1] / "sandbox" / "without_seccomp.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no zygote elsewhere")


def app(source: str = PYTHON, language: str = "python3") -> str:
    order = {
        "variable": "order",
        "label": "Order",
        "type": "text-input",
        "required": True,
        "max_length": 64,
    }
    return workflow_text(
        [
            node("start", "start", title="Start", variables=[order]),
            node(
                "code",
                "code",
                title="Code",
                code_language=language,
                code=source,
                variables=[{"variable": "order", "value_selector": ["start", "order"]}],
                outputs={"out": {"type": "string"}},
            ),
            node(
                "end",
                "end",
                title="End",
                outputs=[{"variable": "out", "value_selector": ["code", "out"]}],
            ),
        ],
        edges("start>code", "code>end"),
    )


def config_in(folder: Path, **more: Any) -> dict[str, Any]:
    path = folder / "code.yml"
    path.write_text(app())
    return {"apps": [{"workflow": str(path), "api_keys": [KEY]}], **more}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("code")
    with running_server(config_in(folder), folder) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client(KEY) as client:
        yield client


def body(order: str, mode: str = "blocking") -> dict[str, Any]:
    return {"inputs": {"order": order}, "response_mode": mode, "user": "somebody"}


def run(client: httpx.Client, order: str) -> dict[str, Any]:
    data: dict[str, Any] = client.post("/v1/workflows/run", json=body(order)).json()["data"]
    return data


def calls_of(server: ServerProcess) -> list[int]:
    """The processes that run code now."""
    return [child for zygote in zygotes_of(server.pid) for child in children_of(zygote)]


def until(condition: Callable[[], bool], *, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_health_tells_what_stands_when_it_is_known(tmp_path: Path) -> None:
    with running_server(config_in(tmp_path), tmp_path) as server, server.client(KEY) as client:
        before = client.get("/health").json()["sandbox"]
        assert {"out": "HI"} == run(client, "hi")["outputs"]
        after = client.get("/health").json()["sandbox"]
    assert ("not started", "cpython", []) == (before["state"], before["python"], before["layers"])
    assert ("ready", "cpython", "seccomp") == (after["state"], after["python"], after["layers"][0])


@pytest.mark.parametrize("order", ["sleep", "compute"])
def test_stopping_a_run_ends_its_code_within_a_second(
    order: str, server: ServerProcess, client: httpx.Client
) -> None:
    assert {"out": "WARM"} == run(client, "warm")["outputs"]
    with client.stream("POST", "/v1/workflows/run", json=body(order, "streaming")) as response:
        events = events_of(response)
        task_id = next(events)["task_id"]
        until(lambda: bool(calls_of(server)))
        (child,) = calls_of(server)
        began = time.monotonic()
        stop = client.post(f"/v1/workflows/tasks/{task_id}/stop", json={"user": "somebody"})
        assert {"result": "success"} == stop.json()
        *_, last = events
        until(lambda: not is_alive(child))
        assert time.monotonic() - began < 1
    assert ("workflow_finished", "stopped") == (last["event"], last["data"]["status"])


def test_a_dead_zygote_fails_its_calls_only_and_is_replaced(
    server: ServerProcess, client: httpx.Client
) -> None:
    assert {"out": "WARM"} == run(client, "warm")["outputs"]
    (zygote,) = zygotes_of(server.pid)
    with client.stream("POST", "/v1/workflows/run", json=body("sleep", "streaming")) as response:
        events = events_of(response)
        next(events)
        until(lambda: bool(calls_of(server)))
        os.kill(zygote, signal.SIGKILL)
        *_, last = events
    assert "failed" == last["data"]["status"]
    assert "restarted while the code ran" in last["data"]["error"]
    assert {"out": "AGAIN"} == run(client, "again")["outputs"]
    assert [zygote] != zygotes_of(server.pid)


def test_errors_show_the_lines_of_the_author(client: httpx.Client) -> None:
    error = run(client, "fail")["error"]
    assert 'File "<code>", line 11, in main' in error
    assert 'return {"out": 1 / 0}' in error
    assert "ZeroDivisionError" in error
    assert "graphmill" not in error


def test_prints_go_to_the_log_of_the_server(tmp_path: Path) -> None:
    with running_server(config_in(tmp_path), tmp_path) as server, server.client(KEY) as client:
        run(client, "hi")
        log = (tmp_path / "server.log").read_text()
    assert "code printed: order hi" in log
    assert '"node": "code"' in log


def test_a_killed_server_leaves_no_process(tmp_path: Path) -> None:
    with running_server(config_in(tmp_path), tmp_path) as server, server.client(KEY) as client:
        assert {"out": "WARM"} == run(client, "warm")["outputs"]
        order = body("compute", "streaming")
        with client.stream("POST", "/v1/workflows/run", json=order) as response:
            next(events_of(response))
            until(lambda: bool(calls_of(server)))
            family = [*zygotes_of(server.pid), *calls_of(server)]
            os.kill(server.pid, signal.SIGKILL)
            until(lambda: not any(map(is_alive, family)))


def test_without_seccomp_monty_runs_python_and_javascript_is_off(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    javascript = tmp_path / "javascript.yml"
    javascript.write_text(app("const main = ({order}) => ({out: order})", "javascript"))
    config["apps"].append({"workflow": str(javascript), "api_keys": ["app-js"]})
    launcher = (sys.executable, str(WITHOUT_SECCOMP))
    with running_server(config, tmp_path, launcher=launcher) as server:
        with server.client(KEY) as client:
            assert {"out": "HI"} == run(client, "hi")["outputs"]
            standing = client.get("/health").json()["sandbox"]
        with server.client("app-js") as client:
            error = run(client, "hi")["error"]
        assert [] == zygotes_of(server.pid)
    assert ("ready", "monty", "interpreter") == (
        standing["state"],
        standing["python"],
        standing["isolation"],
    )
    assert "seccomp is not available on this host" == standing["reason"]
    assert "Code nodes in JavaScript are off: seccomp is not available on this host" in error


def test_doctor_tells_of_a_host_without_seccomp(tmp_path: Path) -> None:
    command = (sys.executable, str(WITHOUT_SECCOMP), sys.executable, "-m", "graphmill", "doctor")
    doctor = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    (line,) = [line for line in doctor.stdout.splitlines() if " code  " in line]
    assert "pydantic-monty, a part of Python: seccomp is not available on this host" in line
