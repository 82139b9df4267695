"""Clients that others wrote for Dify, unmodified, against a server process.

Each `play_*` script drives one package and prints what it got; `scripts/install-clients` installs
the packages (the two Python ones share a module name, so each has a folder of its own).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess, running_server

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WAITING = ROOT / "tests" / "acceptance" / "workflows" / "waiting.yml"

PYPI_DIFY_CLIENT = "PyPI dify-client"
PYPI_DIFY_API_CLIENT = "PyPI dify-api-client"
NPM_DIFY_CLIENT = "npm dify-client"

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    command: tuple[str, ...]
    packages: Path
    """Where `scripts/install-clients` puts them."""


def python_client(name: str, script: str) -> Client:
    packages = ROOT / ".venv" / "clients" / name
    return Client((sys.executable, str(HERE / script)), packages)


CLIENTS = {
    PYPI_DIFY_CLIENT: python_client("dify-client", "play_dify_client.py"),
    PYPI_DIFY_API_CLIENT: python_client("dify-api-client", "play_dify_api_client.py"),
    NPM_DIFY_CLIENT: Client(
        (shutil.which("node") or "node", str(HERE / "node" / "play_dify_client.mjs")),
        HERE / "node" / "node_modules",
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    config = {
        "apps": [
            {"workflow": str(ROOT / "workflows/greeting.yml"), "api_keys": ["app-greeting"]},
            {"workflow": str(ROOT / "workflows/documents.yml"), "api_keys": ["app-documents"]},
            {"workflow": str(WAITING), "api_keys": ["app-waiting"]},
        ],
        "http_request": {"allow": ["127.0.0.0/8"]},
    }
    with running_server(config, tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.fixture(scope="module", params=CLIENTS)
def report(request: pytest.FixtureRequest, server: ServerProcess, echo_url: str) -> Report:
    """What the script of one client printed."""
    client = CLIENTS[request.param]
    if not client.packages.is_dir():
        missing = f"{request.param} is not installed: make test installs it (npm needed for npm's)"
        if "GRAPHMILL_TEST_ALL_CLIENTS" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    environment = {**os.environ, "PYTHONPATH": str(client.packages)}
    command = [*client.command, server.url, f"{echo_url}/sleep/30"]
    played = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    return dict(json.loads(played.stdout))


def test_client_runs_a_workflow_and_waits_for_its_outputs(report: Report) -> None:
    data = report["blocking"]["data"]
    assert ("succeeded", "Hello, Ada!") == (data["status"], data["outputs"]["greeting"])


def test_client_follows_a_run_from_start_to_finish(report: Report) -> None:
    names = [event["event"] for event in report["streaming"]]
    assert ["workflow_started", "node_started", "node_finished"] == names[:3]
    assert "workflow_finished" == names[-1]
    assert "Hello, Ada!" == report["streaming"][-1]["data"]["outputs"]["greeting"]


def test_client_uploads_a_file(report: Report) -> None:
    upload = report["upload"]
    assert ("notes.txt", 10, "txt") == (upload["name"], upload["size"], upload["extension"])


def test_client_hands_its_file_to_a_run(report: Report) -> None:
    data = report["with_file"]["data"]
    assert ("succeeded", "notes.txt") == (data["status"], data["outputs"]["largest_name"])


def test_client_stops_a_run_and_sees_it_stopped(report: Report) -> None:
    stopped = report["stopped"]
    assert {"result": "success"} == stopped["answer"]
    assert "workflow_finished" == stopped["last_event"]["event"]
    assert "stopped" == stopped["last_event"]["data"]["status"]


def test_client_understands_that_its_key_is_wrong(report: Report) -> None:
    refused = report["wrong_key"]
    assert (401, "unauthorized") == (refused["status"], refused["code"])


@pytest.mark.parametrize("report", [PYPI_DIFY_CLIENT, NPM_DIFY_CLIENT], indirect=True)
def test_client_reads_the_input_form(report: Report) -> None:
    form = report["parameters"]["user_input_form"]
    assert ["text-input", "select"] == [kind for field in form for kind in field]


@pytest.mark.parametrize("report", [PYPI_DIFY_CLIENT, NPM_DIFY_CLIENT], indirect=True)
def test_client_lists_its_runs(report: Report) -> None:
    runs = [entry["workflow_run"] for entry in report["logs"]["data"]]
    assert report["blocking"]["workflow_run_id"] in [run["id"] for run in runs]
