"""What the PyPI package `dify-api-client` gets from a server, as JSON for `test_clients.py`.

PYTHONPATH=.venv/clients/dify-api-client python tests/clients/play_dify_api_client.py URL SLOW_URL
"""

import json
import sys
from typing import Any

from dify_client import DifyClient, errors, models

USER = "pypi-dify-api-client"


def client(key: str) -> DifyClient:
    return DifyClient(api_key=key, api_base=f"{sys.argv[1]}/v1")


def request(inputs: dict[str, Any], mode: models.ResponseMode) -> models.WorkflowsRunRequest:
    return models.WorkflowsRunRequest(inputs=inputs, response_mode=mode, user=USER)


def run(key: str, inputs: dict[str, Any]) -> dict[str, Any]:
    answer = client(key).run_workflows(request(inputs, models.ResponseMode.BLOCKING))
    return answer.model_dump(mode="json")


def stream(key: str, inputs: dict[str, Any]) -> Any:
    for event in client(key).run_workflows(request(inputs, models.ResponseMode.STREAMING)):
        yield event.model_dump(mode="json")


def stopped_run() -> dict[str, Any]:
    events = stream("app-waiting", {"url": sys.argv[2]})
    task_id = next(events)["task_id"]
    answer = client("app-waiting").stop_workflows(task_id, models.StopRequest(user=USER))
    return {"answer": answer.model_dump(mode="json"), "last_event": list(events)[-1]}


def wrong_key() -> dict[str, Any]:
    try:
        return run("app-nobody", {})
    except errors.DifyAPIError as error:
        return {"status": error.status, "code": error.code, "message": error.message}


def main() -> None:
    upload = client("app-documents").upload_files(
        ("notes.txt", b"some notes", "text/plain"), models.UploadFileRequest(user=USER)
    )
    mapping = {"type": "document", "transfer_method": "local_file", "upload_file_id": upload.id}
    greet = {"name": "Ada", "language": "English"}
    report = {
        "blocking": run("app-greeting", greet),
        "streaming": list(stream("app-greeting", greet)),
        "upload": upload.model_dump(mode="json"),
        "with_file": run("app-documents", {"files": [mapping]}),
        "stopped": stopped_run(),
        "wrong_key": wrong_key(),
    }
    json.dump(report, sys.stdout)


main()
