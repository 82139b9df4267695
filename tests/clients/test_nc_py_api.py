"""PyPI's `nc-py-api`, unmodified, against a server process (`nextcloud-ocs §18.1, §21.14`)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphmill.service.secrets import fingerprint_of
from tests.api.ocs.workflows import echo
from tests.server_process import running_server

HERE = Path(__file__).parent
PACKAGES = HERE.parent.parent / ".venv" / "clients" / "nc-py-api"

Report = dict[str, Any]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What the script printed."""
    if not PACKAGES.is_dir():
        missing = "nc-py-api is not installed: make test installs it"
        if "GRAPHMILL_TEST_ALL_CLIENTS" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("nextcloud")
    (folder / "echo.yml").write_text(echo())
    config = {
        "apps": [{"workflow": "echo.yml"}],
        "ocs": {
            "users": [{"id": "alice", "password_hash": fingerprint_of("alice-pw")}],
            "ex_apps": [{"id": "worker1", "secret_hash": fingerprint_of("w1-secret")}],
            "task_types": {"core:text2text": {"workflow": "echo"}},
        },
    }
    with running_server(config, folder) as server:
        environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
        command = [sys.executable, str(HERE / "play_nc_py_api.py"), server.url]
        played = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
    assert played.returncode == 0, played.stderr
    return dict(json.loads(played.stdout))


def test_c01_script_schedules_and_reads(report: Report) -> None:
    script = report["script"]
    assert script["capabilities"]["assistant"]["enabled"] is True
    assert (33, "alice") == (script["version"]["major"], script["user"])
    assert "STATUS_SCHEDULED" == script["scheduled"]["status"]
    assert {"output": "hello"} == script["finished"]["output"]


def test_c02_worker_takes_a_task_and_delivers_a_file(report: Report) -> None:
    worker = report["worker"]
    assert worker["enabled"] is True
    assert worker["scheduled"]["id"] == worker["claimed"]["task"]["id"]
    assert "worker1:tts" == worker["claimed"]["provider"]["name"]
    assert (0.5, 0.5) == (worker["progress"], worker["seen"])
    assert "STATUS_SUCCESSFUL" == worker["reported"]["status"]
    assert {"speech": worker["file_id"]} == worker["reported"]["output"]


def test_c03_worker_understands_that_nothing_waits(report: Report) -> None:
    assert {} == report["worker"]["idle"]
    assert {"tasks": [], "has_more": False} == report["worker"]["batch"]


def test_c09_worker_schedules_in_the_name_of_a_user(report: Report) -> None:
    task = report["worker"]["sub_result"]
    assert ("alice", {"output": "for alice"}) == (task["userId"], task["output"])


def test_worker_brings_a_type_of_its_own(report: Report) -> None:
    assert "Text" == report["worker"]["own_type"]["inputShape"]["text"]["type"]
