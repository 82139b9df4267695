"""People hear of forms by mail: a real server process and a server that takes mails."""

import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest

from tests.forms import approval
from tests.server_process import free_port, running_server

RECIPIENTS = [
    {"type": "external", "email": "boss@example.org"},
    {"type": "external", "email": "gone@example.org"},
    {"type": "external", "email": "other@example.org"},
    {"type": "member", "user_id": "u-1"},
]
MAIL = {
    "type": "email",
    "enabled": True,
    "config": {
        "recipients": {"whole_workspace": False, "items": RECIPIENTS},
        "subject": "About\n{{#start.topic#}}",
        "body": "Please decide about {{#start.topic#}}: {{#url#}} Thank you.",
    },
}


class Mailbox:
    """As much of SMTP as a client needs; nobody has the address of `gone`."""

    def __init__(self, port: int) -> None:
        self.mails: Queue[Message] = Queue()
        self._socket = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                self._talk(connection, lines)

    def _talk(self, connection: socket.socket, lines: Any) -> None:
        connection.sendall(b"220 here\r\n")
        for line in lines:
            word = line[:4].upper()
            if word == b"DATA":
                connection.sendall(b"354 go on\r\n")
                content = b"".join(iter(lines.readline, b".\r\n"))
                self.mails.put(message_from_bytes(content, policy=default))
            known = b"GONE@" not in line.upper()
            connection.sendall(b"250 ok\r\n" if known else b"550 nobody here\r\n")
            if word == b"QUIT":
                return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox(port)
    yield mailbox
    mailbox.close()


def config(folder: Path, port: int, **mail: Any) -> dict[str, Any]:
    (folder / "hi.yml").write_text(approval(delivery_methods=[MAIL]))
    server = {"host": "127.0.0.1", "port": port, "tls": "never", "sender": "A <a@example.org>"}
    return {
        "apps": [{"workflow": str(folder / "hi.yml"), "api_keys": ["app-hi"]}],
        "mail": {**server, **mail},
    }


def begin(http: httpx.Client) -> dict[str, Any]:
    body = {"inputs": {"topic": "tea & toast"}, "user": "abc"}
    return dict(http.post("/v1/workflows/run", json=body, timeout=20).json())


def test_who_gets_the_mail_fills_in_the_form(tmp_path: Path, port: int, mailbox: Mailbox) -> None:
    with (
        running_server(config(tmp_path, port), tmp_path) as server,
        server.client("app-hi") as http,
    ):
        answer = begin(http)
        assert answer["data"]["reasons"][0]["form_token"] is None
        mails = [mailbox.mails.get(timeout=10) for _ in range(2)]
        first, *_ = mails
        assert ["boss@example.org", "other@example.org"] == [mail["To"] for mail in mails]
        assert ("A <a@example.org>", "About tea & toast") == (first["From"], first["Subject"])
        before, _, after = first.get_content().strip().partition(server.url)
        path, thanks = after.split(" ", 1)
        assert ("Please decide about tea & toast: ", "Thank you.") == (before, thanks)
        assert (
            200
            == http.post(
                path, files={"field.note": (None, "x"), "action": (None, "ok")}
            ).status_code
        )
        run_id = answer["workflow_run_id"]
        detail = http.get(f"/v1/workflows/run/{run_id}?wait=10", timeout=20).json()

    assert "x" == detail["outputs"]["said"]
    assert mailbox.mails.empty()


def test_a_mail_that_could_not_be_sent_is_sent_by_the_next_process(
    tmp_path: Path, port: int
) -> None:
    settings = config(tmp_path, port)
    with running_server(settings, tmp_path) as server, server.client("app-hi") as http:
        begin(http)
    log = (tmp_path / "server.log").read_text()
    assert "has to wait" in log
    mailbox = Mailbox(port)
    with running_server(settings, tmp_path):
        assert "boss@example.org" == mailbox.mails.get(timeout=10)["To"]
    mailbox.close()


def test_without_a_mail_server_the_log_says_that_nobody_is_told(tmp_path: Path) -> None:
    settings = config(tmp_path, 1, host=None)
    with running_server(settings, tmp_path) as server, server.client("app-hi") as http:
        assert "paused" == begin(http)["data"]["status"]

    log = (tmp_path / "server.log").read_text()
    assert "is to be told by mail, and config `mail` names no server" in log
