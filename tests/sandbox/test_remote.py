"""The dify-sandbox protocol, against the kit's stand-in and against services that misbehave."""

import base64
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from graphmill.errors import CodeFailed, CodeUnavailable
from graphmill.ports.http import Timeouts
from graphmill.sandbox.remote import DifySandbox
from graphmill.variables.values import Value
from tests.conformance import fakes
from tests.outbound.loopback import loopback_client
from tests.threaded_server import serving

Reply = Callable[[dict[str, Any]], tuple[int, bytes]]


@pytest.fixture(scope="module")
def service_url() -> Iterator[str]:
    with serving(fakes.Server(("127.0.0.1", 0), fakes.Sandbox)) as url:
        yield url


@contextmanager
def replying(reply: Reply) -> Iterator[tuple[str, list[Any]]]:
    """A service that answers with `reply`; its URL, and (path, headers, body) of each request."""
    requests: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(content)
            requests.append((self.path, dict(self.headers), body))
            status, answer = reply(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            # The client may have gone.
            with suppress(OSError):
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Not here."""

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url, requests


@asynccontextmanager
async def sandbox_at(url: str, **options: Any) -> AsyncIterator[DifySandbox]:
    async with loopback_client() as client:
        yield DifySandbox(url, "a key", client, **options)


def envelope(**data: Any) -> bytes:
    return json.dumps({"code": 0, "message": "success", "data": data}).encode()


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        ("python3", "def main(a, b): return {'v': [a, b]}", {"v": ["'\"\\é", [1, None]]}),
        (
            "javascript",
            "function main({a, b}) { return {v: [a, b]} }",
            {"v": ["'\"\\é", [1, None]]},
        ),
        ("javascript", "async function main({b}) { return {v: b[0]} }", {"v": 1}),
        ("jinja2", "{{ a }} ''' {{ b|length }}", {"result": "'\"\\é ''' 2"}),
    ],
)
async def test_the_service_runs_every_language(
    language: str, source: str, expected: Value, service_url: str
) -> None:
    async with sandbox_at(service_url) as sandbox:
        result = await sandbox.run(language, source, {"a": "'\"\\é", "b": [1, None]})
    assert expected == result.value


async def test_what_code_prints_is_not_its_result(service_url: str) -> None:
    source = "def main():\n  print('<<RESULT>>{}<<RESULT>>')\n  print('more')\n  return {'v': 1}"
    async with sandbox_at(service_url) as sandbox:
        result = await sandbox.run("python3", source, {})
    assert ({"v": 1}, "<<RESULT>>{}<<RESULT>>\nmore\n") == (result.value, result.output)


async def test_standard_error_comes_along(service_url: str) -> None:
    source = "import sys\ndef main():\n  print('oh', file=sys.stderr)\n  return {}"
    async with sandbox_at(service_url) as sandbox:
        assert "oh\n" == (await sandbox.run("python3", source, {})).errors


async def test_an_exception_is_what_the_interpreter_printed(service_url: str) -> None:
    async with sandbox_at(service_url) as sandbox:
        with pytest.raises(CodeFailed, match="ValueError: bad thing"):
            await sandbox.run("python3", "def main(): raise ValueError('bad thing')", {})


async def test_numbers_that_json_has_not_are_refused(service_url: str) -> None:
    async with sandbox_at(service_url) as sandbox:
        with pytest.raises(CodeFailed, match="not JSON compliant: NaN"):
            await sandbox.run("python3", "def main(): return {'v': float('nan')}", {})


async def test_the_request_is_as_the_service_wants_it() -> None:
    with replying(lambda _: (200, envelope(stdout="", error="no"))) as (url, requests):
        async with sandbox_at(f"{url}/") as sandbox:
            with pytest.raises(CodeFailed, match="no"):
                await sandbox.run("javascript", "the source", {"a": 1})
    ((path, headers, body),) = requests
    assert "/v1/sandbox/run" == path
    assert ("a key", "application/json") == (headers["X-Api-Key"], headers["Content-Type"])
    assert ("nodejs", "", True) == (body["language"], body["preload"], body["enable_network"])
    assert body["code"].startswith("the source\n")
    assert base64.b64encode(b'{"a":1}').decode() in body["code"]


def _stdout_of(body: dict[str, Any], result: str) -> str:
    """What a program of ours would print."""
    tag = body["code"].rpartition(">>")[0].rpartition("<<")[2]
    return f"\n<<{tag}>>{result}<<{tag}>>\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"error": "process exited with code 255"}, id="an error"),
        pytest.param({"stderr": "warning", "error": "", "exit_code": 0}, id="only stderr"),
    ],
)
async def test_a_result_counts_whatever_is_said_beside_it(data: dict[str, Any]) -> None:
    def reply(body: dict[str, Any]) -> tuple[int, bytes]:
        return 200, envelope(stdout=_stdout_of(body, '{"v": 1}'), **data)

    with replying(reply) as (url, _):
        async with sandbox_at(url) as sandbox:
            result = await sandbox.run("python3", "", {})
    assert {"v": 1} == result.value
    assert data.get("stderr", data["error"]) == result.errors


@pytest.mark.parametrize(
    ("status", "answer", "error", "message"),
    [
        pytest.param(401, b"", CodeUnavailable, "refuses the API key", id="401"),
        pytest.param(502, b"", CodeUnavailable, "got status code 502, please check", id="502"),
        pytest.param(503, b"", CodeUnavailable, "no room for more code", id="503"),
        pytest.param(
            200,
            b'{"code": -400, "message": "network is disabled", "data": null}',
            CodeUnavailable,
            "Got error code: -400. Got error msg: network is disabled",
            id="-400",
        ),
        pytest.param(200, b"<html>", CodeUnavailable, "cannot be read", id="no JSON"),
        pytest.param(200, b"[]", CodeUnavailable, "cannot be read", id="no envelope"),
        pytest.param(200, b'{"code": 0}', CodeFailed, "no result tag found", id="no data"),
        pytest.param(200, envelope(stdout=5), CodeFailed, "no result tag found", id="odd types"),
        pytest.param(
            200, envelope(stdout="hi <<x>>"), CodeFailed, "Response: hi <<x>>...", id="no result"
        ),
    ],
)
async def test_a_service_that_does_not_run_code_says_why(
    status: int, answer: bytes, error: type[Exception], message: str
) -> None:
    with replying(lambda _: (status, answer)) as (url, requests):
        async with sandbox_at(url) as sandbox:
            with pytest.raises(error) as failure:
                await sandbox.run("python3", "def main(): pass", {})
    assert message in str(failure.value)
    assert (3 if status == 503 else 1) == len(requests)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param("{", "Failed to parse JSON response", id="no JSON"),
        pytest.param("[" * 200 + "]" * 200, "more than 100 levels", id="deep"),
        pytest.param("[" * 100_000, "Failed to parse JSON response", id="very deep"),
    ],
)
async def test_a_result_that_is_no_json_fails(result: str, message: str) -> None:
    with replying(lambda body: (200, envelope(stdout=_stdout_of(body, result)))) as (url, _):
        async with sandbox_at(url) as sandbox:
            with pytest.raises(CodeFailed, match=message):
                await sandbox.run("python3", "", {})


async def test_a_service_that_is_not_there_is_told() -> None:
    with replying(lambda _: (200, b"")) as (url, _):
        """Its port is free now."""
    async with sandbox_at(url) as sandbox:
        with pytest.raises(
            CodeUnavailable, match=r"likely a network issue.* Error: Cannot connect"
        ):
            await sandbox.run("python3", "", {})


async def test_a_service_that_says_nothing_is_not_waited_for_for_ever() -> None:
    ended = threading.Event()

    def reply(_: object) -> tuple[int, bytes]:
        ended.wait(10)
        return 200, b""

    with replying(reply) as (url, _):
        async with sandbox_at(url, timeouts=Timeouts(read=0.2)) as sandbox:
            with pytest.raises(CodeUnavailable, match=r"nothing for 0\.2 seconds"):
                await sandbox.run("python3", "", {})
        ended.set()
