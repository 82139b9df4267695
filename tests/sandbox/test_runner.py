"""Which backend runs what, as the configuration wants it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from graphmill.config import Settings, load_settings
from graphmill.errors import CodeFailed, ConfigInvalid
from graphmill.wiring import open_sandbox

LANGUAGES = ("python3", "javascript", "jinja2")
ADD_ONE = "def main(x): return {'y': x + 1}"


def settings(**sandbox: Any) -> Settings:
    return Settings.model_validate({"sandbox": sandbox})


async def test_by_default_the_server_runs_all_languages() -> None:
    async with open_sandbox(settings()) as sandbox:
        assert not sandbox.is_remote
        assert {"y": 2} == (await sandbox.run("python3", ADD_ONE, {"x": 1})).value
        javascript = "const main = ({x}) => ({y: x})"
        assert {"y": 1} == (await sandbox.run("javascript", javascript, {"x": 1})).value
        assert {"result": "1"} == (await sandbox.run("jinja2", "{{ x }}", {"x": 1})).value


@pytest.mark.parametrize(
    ("sandbox", "remote"),
    [
        pytest.param({}, set(LANGUAGES), id="auto"),
        pytest.param(
            {"javascript": {"backend": "remote"}}, set(LANGUAGES), id="remote is what auto is"
        ),
        pytest.param({"python": {"backend": "cpython"}}, {"javascript"}, id="own Python"),
        pytest.param(
            {"javascript": {"backend": "quickjs"}}, {"python3", "jinja2"}, id="own JavaScript"
        ),
    ],
)
async def test_an_endpoint_takes_what_no_other_backend_has(
    sandbox: dict[str, Any], remote: set[str]
) -> None:
    # Nothing listens on port 1, so a call that goes there fails to connect.
    endpoint = {"endpoint": "http://127.0.0.1:1"}
    source = "function main() { return {} }"
    async with open_sandbox(settings(remote=endpoint, **sandbox)) as runner:
        calls = [runner.run(language, source, {}) for language in LANGUAGES]
        ends = await asyncio.gather(*calls, return_exceptions=True)
    went_out = {
        language
        for language, end in zip(LANGUAGES, ends, strict=True)
        if "Cannot connect to http://127.0.0.1:1" in str(end)
    }
    assert remote == went_out


def test_the_names_of_difys_deployment_count() -> None:
    environ = {
        "CODE_EXECUTION_ENDPOINT": "http://sandbox:8194",
        "CODE_EXECUTION_API_KEY": "secret",
    }
    remote = load_settings(None, environ=environ).sandbox.remote
    assert ("http://sandbox:8194", "secret") == (
        remote.endpoint,
        remote.api_key.get_secret_value(),
    )


@pytest.mark.parametrize(
    ("file", "endpoint"),
    [
        pytest.param("", "http://one:1", id="an empty file"),
        pytest.param("sandbox: {remote: {endpoint: null}}", "http://one:1", id="null"),
        pytest.param("sandbox: {remote: {endpoint: 'http://two:2'}}", "http://two:2", id="another"),
    ],
)
def test_the_file_counts_more_than_the_names_of_dify(
    file: str, endpoint: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(file)
    environ = {"CODE_EXECUTION_ENDPOINT": "http://one:1"}
    assert endpoint == load_settings(path, environ=environ).sandbox.remote.endpoint


@pytest.mark.parametrize(
    ("file", "message"),
    [
        pytest.param(
            "sandbox: {python: {backend: remote}}", "needs remote.endpoint", id="no endpoint"
        ),
        pytest.param("sandbox: {python: {backend: wasm}}", "python.backend", id="backend"),
        pytest.param("sandbox: {limits: {memory_mb: 8}}", "memory_mb", id="too little memory"),
        pytest.param("sandbox: {pyhton: {}}", "did you mean 'python'", id="unknown key"),
        pytest.param("sandbox: 5", "sandbox", id="no mapping"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(file: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(file)
    with pytest.raises(ConfigInvalid, match=message):
        load_settings(path, environ={})


async def test_limits_come_from_the_configuration() -> None:
    async with open_sandbox(settings(limits={"wall_seconds": 0.3})) as sandbox:
        with pytest.raises(CodeFailed, match=r"longer than 0\.3 seconds"):
            await sandbox.run("python3", "import time\ndef main(): time.sleep(9)", {})


async def test_packages_of_the_operator_can_be_imported(tmp_path: Path) -> None:
    package = tmp_path / "shelf"
    package.mkdir()
    (package / "__init__.py").write_text("from shelf.book import TITLE\n")
    (package / "book.py").write_text("TITLE = 'found'\n")
    (tmp_path / "other.py").write_text("")
    python = {"packages_dir": str(tmp_path), "preload": ["shelf"]}
    async with open_sandbox(settings(python=python)) as sandbox:
        source = "import shelf\ndef main(): return shelf.book.TITLE"
        assert "found" == (await sandbox.run("python3", source, {})).value
        with pytest.raises(CodeFailed, match="has only shelf"):
            await sandbox.run("python3", "import other\ndef main(): pass", {})


async def test_nothing_starts_before_the_first_call() -> None:
    async with open_sandbox(settings()) as sandbox:
        before = children()
        await sandbox.run("python3", ADD_ONE, {"x": 1})
        assert len(before) + 1 == len(children())


def children() -> list[str]:
    lists = Path("/proc/self/task").glob("*/children")
    return [child for each in lists for child in each.read_text().split()]
