"""What the PyPI package `nc-py-api` gets from a server, as a script of a person and as a worker, as
JSON for `test_nc_py_api.py`.

PYTHONPATH=.venv/clients/nc-py-api python tests/clients/play_nc_py_api.py URL
"""

import json
import os
import sys
import time
from io import BytesIO
from typing import Any

from nc_py_api import Nextcloud, NextcloudApp
from nc_py_api.ex_app.providers.task_processing import (
    ShapeDescriptor,
    ShapeType,
    TaskProcessingProvider,
    TaskType,
)

URL = sys.argv[1]
TASKS = "/ocs/v2.php/taskprocessing"
SPEECH = "core:text2speech"


def schedule(nc: Any, task_type: str, values: dict[str, Any], version: int = 2) -> dict[str, Any]:
    body = {"input": values, "type": task_type, "appId": "script"}
    path = f"/ocs/v{version}.php/taskprocessing/schedule"
    return dict(nc.ocs("POST", path, json=body)["task"])


def finished(nc: Any, task_id: int, version: int = 2) -> dict[str, Any]:
    """Poll as workers and scripts do."""
    while True:
        path = f"/ocs/v{version}.php/taskprocessing/task/{task_id}"
        task = dict(nc.ocs("GET", path)["task"])
        if task["status"] in ("STATUS_SUCCESSFUL", "STATUS_FAILED"):
            return task
        time.sleep(0.05)


def script() -> dict[str, Any]:
    nc = Nextcloud(nextcloud_url=URL, nc_auth_user="alice", nc_auth_pass="alice-pw")
    task = schedule(nc, "core:text2text", {"input": "hello"})
    return {
        "capabilities": nc.capabilities,
        "version": nc.srv_version,
        "user": nc.user,
        "scheduled": task,
        "finished": finished(nc, task["id"]),
    }


def worker() -> dict[str, Any]:
    os.environ |= {
        "APP_ID": "worker1",
        "APP_VERSION": "1.0.0",
        "APP_SECRET": "w1-secret",
        "NEXTCLOUD_URL": URL,
        "AA_VERSION": "5.0.0",
        "APP_HOST": "127.0.0.1",
        "APP_PORT": "9030",
    }
    alice = Nextcloud(nextcloud_url=URL, nc_auth_user="alice", nc_auth_pass="alice-pw")
    nc = NextcloudApp()
    tasks = nc.providers.task_processing
    provider = TaskProcessingProvider("worker1:tts", "Speaker", SPEECH, expected_runtime=5)
    tasks.register(provider)
    own = TaskProcessingProvider("worker1:own", "Own", "own:type")
    shape = [ShapeDescriptor("text", "a text", ShapeType.TEXT)]
    tasks.register(own, TaskType("own:type", "Own", "A type of its own", shape, shape))
    idle = tasks.next_task([provider.id], [SPEECH])
    task = schedule(alice, SPEECH, {"input": "say this"})
    claimed = tasks.next_task([provider.id], [SPEECH])
    progress = tasks.set_progress(claimed["task"]["id"], 50)
    seen = alice.ocs("GET", f"{TASKS}/task/{task['id']}")["task"]["progress"]
    file_id = tasks.upload_result_file(task["id"], BytesIO(b"ID3 some sound"))
    reported = tasks.report_result(task["id"], {"speech": file_id})
    batch = tasks.next_task_batch([provider.id], [SPEECH], 3)
    types = alice.ocs("GET", f"{TASKS}/tasktypes")["types"]
    nc.set_user("alice")
    sub_task = schedule(nc, "core:text2text", {"input": "for alice"}, version=1)
    sub_result = finished(nc, sub_task["id"], version=1)
    tasks.unregister("worker1:own")
    tasks.unregister("worker1:own")
    return {
        "enabled": nc.enabled_state,
        "idle": idle,
        "scheduled": task,
        "claimed": claimed,
        "progress": progress["task"]["progress"],
        "seen": seen,
        "reported": reported["task"],
        "file_id": file_id,
        "batch": batch,
        "own_type": types["own:type"],
        "sub_result": sub_result,
    }


def main() -> None:
    json.dump({"script": script(), "worker": worker()}, sys.stdout)


main()
