"""What the PyPI package `dify-client` gets from a server, as JSON for `test_clients.py`.

PYTHONPATH=.venv/clients/dify-client python tests/clients/play_dify_client.py URL SLOW_URL
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import requests
from dify_client.client import DifyClient

USER = "pypi-dify-client"


def client(key: str) -> DifyClient:
    made = DifyClient(key)
    made.base_url = f"{sys.argv[1]}/v1"
    return made


def events(response: requests.Response) -> Iterator[dict[str, Any]]:
    """The way the package's README reads a stream."""
    for line in response.iter_lines(decode_unicode=True):
        if line.startswith("data: "):
            yield json.loads(line[len("data: ") :])


def run(key: str, inputs: dict[str, Any], mode: str) -> requests.Response:
    body = {"inputs": inputs, "response_mode": mode, "user": USER, "files": None}
    return client(key)._send_request("POST", "/workflows/run", body, stream=mode == "streaming")


def stopped_run() -> dict[str, Any]:
    stream = events(run("app-waiting", {"url": sys.argv[2]}, "streaming"))
    task_id = next(stream)["task_id"]
    answer = client("app-waiting")._send_request(
        "POST", f"/workflows/tasks/{task_id}/stop", {"user": USER}
    )
    return {"answer": answer.json(), "last_event": list(stream)[-1]}


def main() -> None:
    upload = client("app-documents").file_upload(
        USER, {"file": ("notes.txt", b"some notes", "text/plain")}
    )
    mapping = {
        "type": "document",
        "transfer_method": "local_file",
        "upload_file_id": upload.json()["id"],
    }
    greet = {"name": "Ada", "language": "English"}
    report = {
        "parameters": client("app-greeting").get_application_parameters(USER).json(),
        "blocking": run("app-greeting", greet, "blocking").json(),
        "streaming": list(events(run("app-greeting", greet, "streaming"))),
        "upload": upload.json(),
        "with_file": run("app-documents", {"files": [mapping]}, "blocking").json(),
        "stopped": stopped_run(),
        "logs": client("app-greeting")._send_request("GET", "/workflows/logs").json(),
        "wrong_key": client("app-nobody").get_application_parameters(USER).json(),
    }
    json.dump(report, sys.stdout)


main()
