"""Webhooks that are told how runs end, as their receivers see it."""

import asyncio
import json
import logging
import re
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks import Webhook, WebhookVerificationError

from graphmill.config.apps import WebhookSettings
from graphmill.service.runs import reports
from graphmill.storage.database import FILE_NAME
from tests.models.stand_ins import in_turn
from tests.outbound.local_server import LocalServer, Received, local_server, reply
from tests.server_process import free_port
from tests.service.world import echo, opened, run, start, waiting

PAGE = Path(__file__).parents[2] / "docs" / "durable-runs.md"
SECRET = "whsec_" + b64encode(b"a key of twenty-four bytes").decode()


@pytest_asyncio.fixture
async def elsewhere() -> AsyncIterator[LocalServer]:
    """Where a receiver may not send reports on to."""
    async with local_server(reply()) as server:
        yield server


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PAUSES", (0.01, 0.01))


def reported(folder: Path, url: str, **more: Any) -> dict[str, Any]:
    """The app `echo`, whose webhook is at `url`."""
    (folder / "echo.yml").write_text(echo())
    return {"workflow": "echo.yml", "webhook": {"url": url, "secret": SECRET}, **more}


async def received(server: LocalServer, count: int = 1) -> list[Received]:
    """The first `count` reports."""
    async with asyncio.timeout(5):
        while len(server.received) < count:
            server.asked.clear()
            await server.asked.wait()
    return server.received


@asynccontextmanager
async def until_logged(text: str) -> AsyncIterator[None]:
    """Waits at its end until `text` was logged."""
    is_told = asyncio.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                is_told.set()

    listener = Listener()
    level = reports.logger.level
    reports.logger.setLevel(logging.INFO)
    reports.logger.addHandler(listener)
    try:
        yield
        async with asyncio.timeout(5):
            await is_told.wait()
    finally:
        reports.logger.removeHandler(listener)
        reports.logger.setLevel(level)


async def test_end_of_a_run_is_reported_as_run_detail_shows_it(tmp_path: Path) -> None:
    async with (
        local_server(reply(204)) as server,
        opened(tmp_path, reported(tmp_path, f"{server.url}/told?of=runs")) as services,
    ):
        live = await start(services, {"q": "Ann"})
        [report] = await received(server)
    assert ("POST", "/told?of=runs") == (report.method, report.target)
    assert "application/json" == report.headers["content-type"]
    told = json.loads(report.body)
    assert {"type", "timestamp", "data"} == told.keys()
    assert ("workflow_run.finished", live.run.id, "succeeded", {"out": "Ann"}) == (
        told["type"],
        told["data"]["id"],
        told["data"]["status"],
        told["data"]["outputs"],
    )


async def test_receivers_can_verify_a_report(tmp_path: Path) -> None:
    async with (
        local_server(reply()) as server,
        opened(tmp_path, reported(tmp_path, server.url)) as services,
    ):
        await run(services, {"q": "Ann"})
        [report] = await received(server)
    told = Webhook(SECRET).verify(report.body, report.headers)
    assert told == json.loads(report.body)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(report.body.replace(b"Ann", b"Bob"), report.headers)


async def test_receiver_of_the_page_takes_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PAUSES", (0.1,) * 50)
    [source] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [key] = re.findall(r'b64decode\("(.*?)"\)', source)
    port = free_port()
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-uc", source.replace("9000", str(port)),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    app = reported(tmp_path, f"http://127.0.0.1:{port}")
    app["webhook"]["secret"] = f"whsec_{key}"
    try:
        async with opened(tmp_path, app) as services, until_logged("is reported to the webhook"):
            await run(services, {"q": "Ann"})
        assert receiver.stdout is not None
        assert b"succeeded\n" == await receiver.stdout.readline()
    finally:
        receiver.kill()
        await receiver.wait()


@pytest.mark.parametrize(
    ("secret", "key"),
    [(SECRET, b"a key of twenty-four bytes"), ("any text", b"any text"), ("whsec", b"whsec")],
)
def test_secret_is_base64_or_any_text(secret: str, key: bytes) -> None:
    assert key == WebhookSettings(url="http://receiver", secret=secret).key


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "whsec_YQ"])
def test_secret_that_cannot_be_read_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        WebhookSettings(url="http://receiver", secret=secret)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("status", [300, 302, 404, 429, 500])
async def test_report_is_sent_again_until_it_has_arrived(tmp_path: Path, status: int) -> None:
    async with (
        local_server(in_turn(reply(status), reply())) as server,
        opened(tmp_path, reported(tmp_path, server.url)) as services,
    ):
        live = await start(services, {"q": "Ann"})
        first, again = await received(server, 2)
    assert live.run.id == first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body


@pytest.mark.usefixtures("no_pauses")
async def test_report_that_never_arrives_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        local_server(reply(500)) as server,
        opened(tmp_path, reported(tmp_path, server.url)) as services,
        until_logged("is given up: it was answered with 500"),
    ):
        await run(services, {"q": "Ann"})
    assert 1 + len(reports.PAUSES) == len(server.received)
    assert 2 == caplog.text.count("did not arrive (it was answered with 500); next attempt in 0.01")


async def test_redirect_leads_a_report_nowhere(tmp_path: Path, elsewhere: LocalServer) -> None:
    async with (
        local_server(reply(307, headers=[("Location", elsewhere.url)])) as server,
        opened(tmp_path, reported(tmp_path, server.url)) as services,
        until_logged("it was answered with 307"),
    ):
        await run(services, {"q": "Ann"})
    assert [] == elsewhere.received


async def test_report_arrives_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PAUSES", (0.5,))
    async with local_server(in_turn(reply(503), reply())) as server:
        app = reported(tmp_path, server.url)
        async with opened(tmp_path, app) as services:
            live = await start(services, {"q": "Ann"})
            await received(server)
        async with opened(tmp_path, app):
            _, again = await received(server, 2)
    assert live.run.id == again.headers["webhook-id"]


async def test_receiver_that_hangs_keeps_no_other_app_waiting(tmp_path: Path) -> None:
    async def silence(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    async with local_server(silence) as deaf, local_server(reply()) as server:
        apps = [
            reported(tmp_path, deaf.url, slug="deaf"),
            reported(tmp_path, server.url, slug="heard"),
        ]
        async with opened(tmp_path, *apps) as services:
            for _ in range(reports.AT_A_TIME + 1):
                await run(services, {"q": "Ann"}, slug="deaf")
            await received(deaf, reports.AT_A_TIME)
            await run(services, {"q": "Ann"}, slug="heard")
            await received(server)
    assert reports.AT_A_TIME == len(deaf.received)


async def test_app_without_a_webhook_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "echo.yml").write_text(echo())
    async with local_server(reply()) as server:
        apps = [{"workflow": "echo.yml"}, reported(tmp_path, server.url, slug="other")]
        async with opened(tmp_path, *apps) as services:
            await run(services, {"q": "Ann"})
            other = await start(services, {"q": "Bob"}, slug="other")
            await received(server)
    assert [other.run.id] == [report.headers["webhook-id"] for report in server.received]


async def test_run_that_cannot_go_on_is_reported(tmp_path: Path, echo_url: str) -> None:
    async with local_server(reply()) as server:
        app = reported(tmp_path, server.url)
        (tmp_path / "echo.yml").write_text(waiting())
        async with opened(tmp_path, app) as services:
            live = await start(services, {"url": f"{echo_url}/sleep/20"})
            await services.runs.committed(live)
        (tmp_path / "echo.yml").write_text(echo())
        with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as connection:
            connection.execute("delete from workflow_versions")
            connection.commit()
        async with opened(tmp_path, app):
            [report] = await received(server)
    told = json.loads(report.body)["data"]
    assert (live.run.id, "failed") == (told["id"], told["status"])
    assert "restart" in told["error"]
