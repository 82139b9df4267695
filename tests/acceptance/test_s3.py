"""A server that keeps its files in S3: what a client sees of it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import httpx
import pytest

from graphmill.config.storage import S3Settings
from tests.dsl.files import edges, node, workflow_text
from tests.server_process import ServerProcess, free_port, running_server

KEY = "app-files"
USER = "somebody"
CONTENT = b"line\n" * 1_400_000
"""More than one part of an upload."""
FILE = {
    "variable": "doc", "label": "Doc", "type": "file", "required": True,
    "allowed_file_types": ["document"], "allowed_file_upload_methods": ["local_file"],
}  # fmt: skip


def config(folder: Path, s3: S3Settings) -> dict[str, object]:
    nodes = [
        node("start", "start", title="Start", variables=[FILE]),
        node(
            "end", "end", title="End",
            outputs=[{"variable": "doc", "value_selector": ["start", "doc"]}],
        ),
    ]  # fmt: skip
    (folder / "files.yml").write_text(workflow_text(nodes, edges("start>end")))
    bucket = s3.model_dump(mode="json") | {"secret_access_key": "secret"}
    return {
        "apps": [{"workflow": str(folder / "files.yml"), "api_keys": [KEY]}],
        "storage": {"kind": "s3", "s3": bucket},
    }


@pytest.fixture
def server(tmp_path: Path, s3: S3Settings) -> Iterator[ServerProcess]:
    with running_server(config(tmp_path, s3), tmp_path) as running:
        yield running


def upload(client: httpx.Client) -> httpx.Response:
    files = {"file": ("a.txt", CONTENT, "text/plain")}
    return client.post("/v1/files/upload", files=files, data={"user": USER})


def test_a_file_is_uploaded_used_by_a_run_and_downloaded(server: ServerProcess) -> None:
    with server.client(KEY) as client:
        uploaded = upload(client)
        assert 201 == uploaded.status_code, uploaded.text
        doc = {
            "type": "document",
            "transfer_method": "local_file",
            "upload_file_id": uploaded.json()["id"],
        }
        order = {"inputs": {"doc": doc}, "response_mode": "blocking", "user": USER}
        finished = client.post("/v1/workflows/run", json=order).json()
        assert "succeeded" == finished["data"]["status"]
        for url in (uploaded.json()["source_url"], finished["data"]["outputs"]["doc"]["url"]):
            assert CONTENT == httpx.get(url).content
    assert not (server.data_dir / "files").exists()


def test_links_lead_to_the_bucket_when_they_may(tmp_path: Path, s3: S3Settings) -> None:
    presigned = s3.model_copy(update={"presigned_urls": True})
    page = ("page.html", b"<script>", "text/html")
    with running_server(config(tmp_path, presigned), tmp_path) as server:
        with server.client(KEY) as client:
            sent = [upload(client), client.post("/v1/files/upload", files={"file": page})]
            text, html = (httpx.get(each.json()["source_url"]) for each in sent)
            head = httpx.head(sent[0].json()["source_url"])
        bucket = [httpx.get(each.headers["location"]) for each in (text, html)]
    assert [302, 302] == [text.status_code, html.status_code]
    assert all(str(each.url).startswith(f"{s3.endpoint_url}") for each in bucket)
    assert [CONTENT, b"<script>"] == [each.content for each in bucket]
    # What may hold scripts is for saving there, too.
    assert ("text/plain; charset=utf-8", "application/octet-stream") == (
        bucket[0].headers["content-type"],
        bucket[1].headers["content-type"],
    )
    assert "attachment; filename*=UTF-8''page.html" == bucket[1].headers["content-disposition"]
    assert (200, str(len(CONTENT))) == (head.status_code, head.headers["content-length"])


def test_a_service_that_is_away_is_told_and_logged(tmp_path: Path, s3: S3Settings) -> None:
    away = s3.model_copy(update={"endpoint_url": f"http://127.0.0.1:{free_port()}"})
    with running_server(config(tmp_path, away), tmp_path) as server, server.client(KEY) as client:
        refused = upload(client)
        assert (503, "s3_connection_failed") == (refused.status_code, refused.json()["code"])
        assert "127.0.0.1" not in refused.text
        assert 200 == client.get("/v1/workflows/logs").status_code
    log = (tmp_path / "server.log").read_text()
    assert f"{away.endpoint_url}" in log
    assert "See whether it works" in log
    assert "Traceback" not in log


def test_files_move_to_s3_and_the_server_goes_on(tmp_path: Path, s3: S3Settings) -> None:
    with_s3 = config(tmp_path, s3)
    storage = {**with_s3["storage"], "kind": "local"}
    with running_server({**with_s3, "storage": storage}, tmp_path) as server:
        with server.client(KEY) as client:
            file_id = upload(client).json()["id"]
        command = [sys.executable, "-m", "graphmill", "storage", "copy", "--to", "s3", "--config"]
        copied = run([*command, str(tmp_path / "config.yaml")], capture_output=True, text=True)
        assert copied.stdout.startswith("Copied 1 files to s3; 0 were there"), copied.stderr
    doc = {"type": "document", "transfer_method": "local_file", "upload_file_id": file_id}
    order = {"inputs": {"doc": doc}, "response_mode": "blocking", "user": USER}
    with running_server(with_s3, tmp_path) as server, server.client(KEY) as client:
        finished = client.post("/v1/workflows/run", json=order).json()
        assert CONTENT == httpx.get(finished["data"]["outputs"]["doc"]["url"]).content


def test_a_server_with_local_files_does_without_boto3() -> None:
    code = (
        "import sys, graphmill.wiring.server, graphmill.server\n"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    run([sys.executable, "-c", code], check=True)
