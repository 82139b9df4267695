"""Which backend runs what, as the configuration wants it."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from graphmill.config import Settings, load_settings
from graphmill.errors import CodeFailed, CodeUnavailable, ConfigInvalid
from graphmill.nodes.containers.iteration import MOST_AT_ONCE
from graphmill.sandbox.runner import Sandbox
from graphmill.wiring.sandbox import open_sandbox

ROOT = Path(__file__).parents[2]
LANGUAGES = ("python3", "javascript", "jinja2")
ADD_ONE = "def main(x): return {'y': x + 1}"


def settings(**sandbox: Any) -> Settings:
    return Settings.model_validate({"sandbox": sandbox})


async def test_by_default_the_server_runs_all_languages() -> None:
    async with open_sandbox(settings()) as sandbox:
        assert "not started" == sandbox.standing().state
        assert {"y": 2} == (await sandbox.run("python3", ADD_ONE, {"x": 1})).value
        javascript = "const main = ({x}) => ({y: x})"
        assert {"y": 1} == (await sandbox.run("javascript", javascript, {"x": 1})).value
        assert {"result": "1"} == (await sandbox.run("jinja2", "{{ x }}", {"x": 1})).value
        standing = sandbox.standing()
    assert ("ready", "cpython") == (standing.state, standing.python)
    assert "seccomp" == standing.layers[0]


async def test_without_a_wall_python_goes_to_monty_and_the_rest_is_off() -> None:
    async with without_seccomp() as sandbox:
        assert {"y": 2} == (await sandbox.run("python3", ADD_ONE, {"x": 1})).value
        standing = sandbox.standing()
        assert ("ready", "monty", "interpreter") == (
            standing.state,
            standing.python,
            standing.isolation,
        )
        assert "seccomp is not available on this host" == standing.reason
        with pytest.raises(CodeUnavailable, match="Code nodes in JavaScript are off: seccomp is"):
            await sandbox.run("javascript", "const main = () => ({})", {})
        with pytest.raises(CodeUnavailable, match="Templates with more than") as refusal:
            await sandbox.run("jinja2", "{{ x }}", {})
    assert "pydantic-monty" not in str(refusal.value)


@pytest.mark.parametrize(
    "sandbox",
    [
        pytest.param({"python": {"backend": "cpython"}}, id="CPython and nothing else"),
        pytest.param({"require_isolation": "full"}, id="full isolation"),
    ],
)
async def test_without_a_wall_that_is_required_code_is_refused(sandbox: dict[str, Any]) -> None:
    async with without_seccomp(**sandbox) as runner:
        for _ in range(2):
            with pytest.raises(CodeUnavailable, match="Code nodes are off: seccomp is not") as it:
                await runner.run("python3", ADD_ONE, {"x": 1})
        assert "off" == runner.standing().state
    assert "CODE_EXECUTION_ENDPOINT" in str(it.value)


async def test_without_monty_the_refusal_says_that_it_would_help() -> None:
    program = (
        "import asyncio, sys\n"
        "sys.modules['pydantic_monty'] = None\n"
        "from tests.sandbox.test_runner import ADD_ONE, without_seccomp\n"
        "async def main():\n"
        "  async with without_seccomp() as sandbox:\n"
        "    await sandbox.run('python3', ADD_ONE, {'x': 1})\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await child.communicate()
    assert b"Code nodes are off" in errors
    assert b"install pydantic-monty" in errors


async def test_monty_can_be_chosen() -> None:
    async with open_sandbox(settings(python={"backend": "monty"})) as sandbox:
        before = children()
        assert {"y": 2} == (await sandbox.run("python3", ADD_ONE, {"x": 1})).value
        assert len(before) + 1 == len(children())
        assert "monty" == sandbox.standing().python
        assert {"result": "1"} == (await sandbox.run("jinja2", "{{ x }}", {"x": 1})).value


async def test_a_kernel_that_loads_no_filter_is_noticed() -> None:
    program = (
        "import asyncio\n"
        "from graphmill.sandbox.fork_server import ForkServer\n"
        "from graphmill.sandbox.limits import CodeLimits\n"
        "async def main():\n"
        "  server = ForkServer(CodeLimits())\n"
        "  try: await server.start()\n"
        "  finally: await server.close()\n"
        "asyncio.run(main())\n"
    )
    launcher = str(ROOT / "tests/sandbox/without_seccomp.py")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, launcher, sys.executable, "-c", program), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await child.communicate()
    assert b"NoWall: No code can run here: seccomp is not available on this host" in errors


@contextlib.asynccontextmanager
async def without_seccomp(**sandbox: Any) -> AsyncIterator[Sandbox]:
    """A sandbox on a host that has no seccomp; the zygote leaves it out."""
    async with open_sandbox(settings(**sandbox), layers_off=("seccomp",)) as runner:
        yield runner


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
        pytest.param(
            "sandbox: {python: {backend: monty}, require_isolation: full}",
            "not possible with backend monty",
            id="full isolation in an interpreter",
        ),
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


async def test_packages_that_were_installed_need_no_naming(tmp_path: Path) -> None:
    info = tmp_path / "packages" / "shelf-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "REQUESTED").touch()
    (info / "RECORD").write_text("shelf.py,,\n")
    (tmp_path / "packages" / "shelf.py").write_text("TITLE = 'found'\n")
    of_data_dir = Settings.model_validate({"data_dir": str(tmp_path)})
    async with open_sandbox(of_data_dir) as sandbox:
        source = "import shelf\ndef main(): return shelf.TITLE"
        assert "found" == (await sandbox.run("python3", source, {})).value


def test_no_item_of_a_parallel_iteration_is_turned_away() -> None:
    limits = settings().sandbox.limits
    assert MOST_AT_ONCE <= limits.concurrency + limits.queue


async def test_nothing_starts_before_the_first_call() -> None:
    async with open_sandbox(settings()) as sandbox:
        before = children()
        await sandbox.run("python3", ADD_ONE, {"x": 1})
        assert len(before) + 1 == len(children())


def children() -> list[str]:
    lists = Path("/proc/self/task").glob("*/children")
    return [child for each in lists for child in each.read_text().split()]
