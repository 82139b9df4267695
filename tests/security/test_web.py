"""Paths, names and types that callers choose: none leads out of its place, into a header, or into a
browser as something else."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.server_process import ServerProcess, running_server

WORKFLOW = Path(__file__).parent.parent / "conformance" / "apps" / "api-main.yml"
KEY = "app-main"
SECRET = b"nobody-reads-this"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "outside.txt").write_bytes(SECRET)
    config = {"apps": [{"workflow": str(WORKFLOW), "api_keys": [KEY]}]}
    with running_server(config, folder) as running:
        yield running


def upload(server: ServerProcess, name: str, mime_type: str, content: bytes) -> httpx.Response:
    with server.client(KEY) as client:
        return client.post("/v1/files/upload", files={"file": (name, content, mime_type)})


def link_of(uploaded: httpx.Response) -> str:
    parts = urlsplit(uploaded.json()["source_url"])
    return f"{parts.path}?{parts.query}"


def raw_answer(server: ServerProcess, target: str, headers: str = "") -> bytes:
    """To a request line that no client library would send."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        request = f"GET {target} HTTP/1.1\r\nHost: server\r\nConnection: close\r\n{headers}\r\n"
        connection.sendall(request.encode("latin-1"))
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "path",
    [
        "/files/../outside.txt/file-preview",
        "/files/..%2f..%2foutside.txt/file-preview",
        "/files/%2e%2e%2f%2e%2e%2foutside.txt/image-preview",
        "/files/tools/../../outside.txt",
        "/files//etc/passwd/file-preview",
        "/../outside.txt",
        "/docs/../../outside.txt",
        "/openapi.json/../../outside.txt",
        "/ocs/v2.php/../../../outside.txt",
        "/v1/files/..%2f..%2foutside.txt/preview",
    ],
)
def test_path_leads_to_no_file(server: ServerProcess, path: str) -> None:
    signed = f"{path}?timestamp=99999999999&nonce=00&sign=00"
    answer = raw_answer(server, signed, f"Authorization: Bearer {KEY}\r\n")
    assert answer.startswith(b"HTTP/1.1 4")
    assert SECRET not in answer


@pytest.mark.parametrize(
    "name", ["../../outside.txt", "..\\..\\outside.txt", "/etc/cron.d/job.txt", "C:\\a.txt"]
)
def test_name_of_an_upload_becomes_no_path(server: ServerProcess, name: str) -> None:
    answer = upload(server, name, "text/plain", b"mine")
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        assert "/" not in answer.json()["name"]
        assert "\\" not in answer.json()["name"]
    assert SECRET == (server.data_dir.parent / "outside.txt").read_bytes()
    assert [] == list(server.data_dir.rglob("job.txt"))


def test_name_of_an_upload_makes_no_header(server: ServerProcess) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; '
        b"filename*=UTF-8''a%0d%0aSet-Cookie:%20evil=1.html\r\n"
        b"Content-Type: text/html\r\n\r\nhi\r\n--x--\r\n"
    )
    with server.client(KEY) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        uploaded = client.post("/v1/files/upload", content=form, headers=headers)
    assert uploaded.status_code in (201, 400)
    if uploaded.status_code == 201:
        answer = raw_answer(server, link_of(uploaded) + "&as_attachment=true")
        assert answer.startswith(b"HTTP/1.1 200")
        head, _, _ = answer.partition(b"\r\n\r\n")
        assert b"\r\nset-cookie" not in head.lower()


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("a.html", "text/html"),
        ("a.svg", "image/svg+xml"),
        ("a.xhtml", "application/xhtml+xml"),
        ("a.js", "text/javascript"),
        ("a.xml", "text/xml"),
        ("a.png", "image/png, text/html"),
        ("a.txt", "TEXT/HTML"),
    ],
)
def test_file_that_could_hold_a_script_is_for_saving(
    server: ServerProcess, name: str, mime_type: str
) -> None:
    uploaded = upload(server, name, mime_type, b"<script>alert(1)</script>")
    assert 201 == uploaded.status_code
    answer = httpx.get(server.url + link_of(uploaded))
    assert "application/octet-stream" == answer.headers["content-type"]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "nosniff" == answer.headers["x-content-type-options"]


def test_picture_is_shown_as_what_it_is_and_never_sniffed(server: ServerProcess) -> None:
    uploaded = upload(server, "a.png", "image/png", b"<html><script>alert(1)</script>")
    answer = httpx.get(server.url + link_of(uploaded))
    assert ("image/png", "nosniff") == (
        answer.headers["content-type"],
        answer.headers["x-content-type-options"],
    )


@pytest.mark.parametrize(
    "headers",
    [
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n",
        "X-A: b\x00c\r\n",
        " folded: yes\r\n",
    ],
    ids=["both-lengths", "two-lengths", "negative-length", "zero-byte", "folded"],
)
def test_head_that_two_servers_would_read_in_two_ways_is_refused(
    server: ServerProcess, headers: str
) -> None:
    answer = raw_answer(server, "/health", headers)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
