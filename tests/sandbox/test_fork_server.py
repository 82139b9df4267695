"""The life of the fork server: starting, ending, cancelling, dying and coming back."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import uvloop

from graphmill.errors import CodeFailed, CodeUnavailable, NoWall
from graphmill.sandbox.fork_server import ENVIRONMENT, ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.walls import Isolation

LIMITS = CodeLimits(wall_seconds=5, cpu_seconds=1, running=4)
ADD_ONE = "def main(x):\n  return {'y': x + 1}"
ENDLESS = "def main():\n  while True: pass"
SLEEPING = "import time\ndef main():\n  time.sleep(1000)"


@contextlib.asynccontextmanager
async def running(limits: CodeLimits = LIMITS, **options: Any) -> AsyncIterator[ForkServer]:
    server = ForkServer(limits, **options)
    try:
        yield server
    finally:
        await server.close()


@pytest.fixture
async def server() -> AsyncIterator[ForkServer]:
    async with running() as server:
        await server.start()
        yield server


def children_of(pid: int) -> list[int]:
    """Living ones; those that have ended and wait to be noticed are none."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return [child for child in children if is_alive(child)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def zygotes_of(pid: int) -> list[int]:
    """Among its children: a test process may have others."""
    children = children_of(pid)
    return [child for child in children if b"zygote" in Path(f"/proc/{child}/cmdline").read_bytes()]


def zygote_of(pid: int) -> int:
    (zygote,) = zygotes_of(pid)
    return zygote


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        # Processes come and go without a word to this loop.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_call_gives_what_main_returned_and_what_it_printed(server: ForkServer) -> None:
    source = (
        "import sys\ndef main(a):\n  print('out', a)\n  print('err', file=sys.stderr)\n  return a"
    )
    result = await server.run("python3", source, {"a": ["x", None, 1.5]})
    assert ["x", None, 1.5] == result.value
    assert ("out ['x', None, 1.5]\n", "err\n") == (result.output, result.errors)


def test_it_runs_on_uvloop() -> None:
    async def call_often() -> list[object]:
        async with running() as server:
            calls = [server.run("python3", ADD_ONE, {"x": x}) for x in range(50)]
            with contextlib.suppress(CodeFailed):
                await server.run("python3", SLEEPING.replace("1000", "0.1") + "\n  1/0", {})
            return [result.value for result in await asyncio.gather(*calls)]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert [{"y": x + 1} for x in range(50)] == runner.run(call_often())


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        pytest.param(SLEEPING, "Timeout", id="sleeps"),
        pytest.param(ENDLESS, "CpuTimeExceeded", id="computes"),
        pytest.param("import os\ndef main(): os._exit(0)", "Exited", id="exits"),
        pytest.param("import ctypes\ndef main(): ctypes.string_at(0)", "Crashed", id="crashes"),
        pytest.param("def main(): return 'x' * (1 << 30)", "MemoryError", id="takes memory"),
        pytest.param("def main(): return 'x' * 1_000_000", "OutputTooLarge", id="returns much"),
        pytest.param("def main(): return 1/0", "ZeroDivisionError", id="raises"),
    ],
)
async def test_code_that_fails_says_how(source: str, kind: str) -> None:
    seconds = 0.5 if kind == "Timeout" else 30
    async with running(replace(LIMITS, wall_seconds=seconds)) as server:
        with pytest.raises(CodeFailed) as failure:
            await server.run("python3", source, {})
    assert kind == failure.value.kind


async def test_cancelling_a_call_ends_its_process(server: ForkServer) -> None:
    zygote = zygote_of(os.getpid())
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(server.run("python3", SLEEPING, {})) for _ in range(3)]
        await until(lambda: len(children_of(zygote)) == 3)
        for call in calls:
            call.cancel()
    await until(lambda: children_of(zygote) == [])


async def test_a_process_that_goes_on_after_its_answer_is_ended(server: ForkServer) -> None:
    answer = json.dumps({"ok": True, "result": "mine"}).encode()
    source = (
        "import os, time\n"
        "def main():\n"
        f"  os.write(3, {len(answer).to_bytes(4, 'big') + answer!r})\n"
        "  time.sleep(1000)"
    )
    assert "mine" == (await server.run("python3", source, {})).value
    await until(lambda: children_of(zygote_of(os.getpid())) == [])


async def test_mixed_calls_leave_nothing_behind(server: ForkServer) -> None:
    sources = [
        ADD_ONE,
        "def main(x): raise ValueError",
        "import os\ndef main(x): os._exit(1)",
        "import ctypes\ndef main(x): ctypes.string_at(0)",
        SLEEPING.replace("main()", "main(x)"),
        "import os\ndef main(x):\n  for n in range(64):\n    try: os.write(n, b'\\xff' * 99)\n"
        "    except OSError: pass",
    ]
    before = open_files()

    async def call(number: int) -> None:
        with contextlib.suppress(CodeFailed, TimeoutError):
            async with asyncio.timeout(0.5 if number % 3 else 0.01):
                await server.run("python3", sources[number % len(sources)], {"x": 1})

    async with asyncio.TaskGroup() as tasks:
        for number in range(240):
            tasks.create_task(call(number))
    await until(lambda: children_of(zygote_of(os.getpid())) == [])
    assert before == open_files()
    assert {"y": 2} == (await server.run("python3", ADD_ONE, {"x": 1})).value


async def test_when_the_zygote_dies_its_calls_fail_and_the_next_one_works(
    server: ForkServer,
) -> None:
    zygote = zygote_of(os.getpid())
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(_outcome(server, SLEEPING))
        await until(lambda: len(children_of(zygote)) == 1)
        child = children_of(zygote)[0]
        os.kill(zygote, signal.SIGKILL)
        assert "was restarted" in await call
        assert {"y": 2} == (await server.run("python3", ADD_ONE, {"x": 1})).value
    await until(lambda: not is_alive(child))
    assert zygote != zygote_of(os.getpid())


async def test_closing_ends_the_zygote(server: ForkServer) -> None:
    zygote = zygote_of(os.getpid())
    await server.close()
    assert not is_alive(zygote)
    assert [] == zygotes_of(os.getpid())


async def test_a_cancelled_start_leaves_no_zygote() -> None:
    before = open_files()
    async with running() as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await server.start()
        assert {"y": 2} == (await server.run("python3", ADD_ONE, {"x": 1})).value
    assert [] == zygotes_of(os.getpid())
    assert before == open_files()


def test_everything_dies_with_the_server(tmp_path: Path) -> None:
    program = (
        "import asyncio\n"
        "from graphmill.sandbox.fork_server import ForkServer\n"
        "from graphmill.sandbox.limits import CodeLimits\n"
        f"asyncio.run(ForkServer(CodeLimits()).run('python3', {SLEEPING!r}, {{}}))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        family = list(_wait_for_family(process.pid))
        process.kill()
    deadline = time.monotonic() + 5
    while any(map(is_alive, family)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [False, False] == [is_alive(pid) for pid in family]


def _wait_for_family(pid: int) -> Iterator[int]:
    """The zygote and the child of a call."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for zygote in children_of(pid):
            children = children_of(zygote)
            # The self-test has other children, which end soon.
            if children and _sleeps(children[0]):
                yield from (zygote, children[0])
                return
        time.sleep(0.01)
    raise AssertionError("the call never began")


def _sleeps(pid: int) -> bool:
    time.sleep(0.3)
    return is_alive(pid)


async def test_a_call_never_sees_the_control_socket_of_a_busy_server() -> None:
    held = [os.dup(0) for _ in range(300)]
    try:
        async with running() as server:
            source = (
                "import os\ndef main():\n  found = []\n  for n in range(4096):\n"
                "    try: os.fstat(n)\n    except OSError: continue\n    found.append(n)\n"
                "  return found"
            )
            assert [0, 1, 2, 3] == (await server.run("python3", source, {})).value
    finally:
        for descriptor in held:
            os.close(descriptor)


async def test_calls_wait_for_a_place_and_not_for_ever() -> None:
    limits = replace(LIMITS, running=1, waiting=2, queue_seconds=0.3, wall_seconds=2)
    async with running(limits) as server:
        await server.start()
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(_outcome(server, SLEEPING)) for _ in range(3)]
            await asyncio.sleep(0.1)
            with pytest.raises(CodeUnavailable, match="too many calls wait"):
                await server.run("python3", ADD_ONE, {"x": 1})
        messages = sorted(call.result() for call in calls)
    busy = "The code sandbox is busy. Try again later."
    assert ["The code ran longer than 2 seconds.", busy, busy] == messages


async def _outcome(server: ForkServer, source: str) -> str:
    try:
        return str((await server.run("python3", source, {})).value)
    except (CodeFailed, CodeUnavailable) as error:
        return str(error)


async def test_without_seccomp_no_code_runs() -> None:
    async with running(layers_off=("seccomp",)) as server:
        for _ in range(2):
            with pytest.raises(NoWall, match="seccomp is not available"):
                await server.run("python3", ADD_ONE, {"x": 1})
        await until(lambda: zygotes_of(os.getpid()) == [])


async def test_a_self_test_that_takes_too_long_is_not_the_fault_of_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as server:
        with monkeypatch.context() as patch:
            patch.setattr("graphmill.sandbox.fork_server.SELF_TEST_SECONDS", 0)
            with pytest.raises(CodeUnavailable, match="did not start: its self-test failed"):
                await server.run("python3", ADD_ONE, {"x": 1})
        assert {"y": 2} == (await server.run("python3", ADD_ONE, {"x": 1})).value


async def test_full_isolation_can_be_required() -> None:
    async with running(layers_off=("landlock",), required=Isolation.FULL) as server:
        with pytest.raises(NoWall, match="no Landlock"):
            await server.start()


async def test_code_can_be_allowed_to_run_without_walls(caplog: pytest.LogCaptureFixture) -> None:
    off = ("seccomp", "landlock", "namespaces")
    async with running(layers_off=off, required=Isolation.NONE) as server:
        assert {"y": 2} == (await server.run("python3", ADD_ONE, {"x": 1})).value
    assert "WITHOUT a sandbox" in caplog.text


async def test_the_zygote_has_no_rights_and_no_secrets(server: ForkServer) -> None:
    process = Path(f"/proc/{zygote_of(os.getpid())}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    assert "0" * 16 == status["CapEff"] == status["CapPrm"]
    names = {entry.split(b"=")[0] for entry in (process / "environ").read_bytes().split(b"\0")}
    assert {name.encode() for name in ENVIRONMENT} | {b""} == names


async def test_the_standard_library_is_there(server: ForkServer) -> None:
    source = """
import importlib
def main(names):
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return missing
"""
    names = sorted(name for name in sys.stdlib_module_names if find_spec(name) is not None)
    public = [name for name in names if not name.startswith("_")]
    missing = (await server.run("python3", source, {"names": public})).value
    assert isinstance(missing, list)
    assert {
        "antigravity", "cgitb", "curses", "distutils", "ensurepip", "idlelib", "lib2to3", "nis",
        "nntplib", "pydoc", "pydoc_data", "smtpd", "telnetlib", "test", "this", "tkinter", "turtle",
        "turtledemo", "venv", "wsgiref",
    } >= set(missing)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "from xml.sax.saxutils import escape; return escape('<')", "&lt;", id="a module inside"
        ),
        pytest.param(
            "from xml.dom import minidom; return minidom.parseString('<a/>').toxml()",
            '<?xml version="1.0" ?><a/>',
            id="what a function imports",
        ),
        pytest.param("return b'\\xcf'.decode('windows-1251')", "П", id="a charset"),
        pytest.param("return 'é'.encode('iso8859-15').hex()", "e9", id="another charset"),
    ],
)
async def test_the_standard_library_works_to_its_ends(
    body: str, expected: object, server: ForkServer
) -> None:
    result = await server.run("python3", f"def main():\n    {body}", {})
    assert expected == result.value


async def test_packages_that_are_not_there_are_named() -> None:
    async with running(package_folders=("/nowhere",), packages=("antigravity_is_not_there",)) as it:
        assert ("antigravity_is_not_there",) == (await it.start()).missing


async def test_what_stands_is_reported(server: ForkServer) -> None:
    assert server.layers is not None
    assert Isolation.SECCOMP <= server.layers.isolation
    assert () == server.layers.missing


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param("'\\ud800a'", "?a", id="half a surrogate pair"),
        pytest.param("'a\\0b'", "a\0b", id="NUL"),
        pytest.param("2 ** 70", 2**70, id="a long integer"),
        pytest.param("(1, (2,))", [1, [2]], id="tuples"),
        pytest.param("{1: 2, None: 3, True: 4}", {"1": 4, "null": 3}, id="keys that are no text"),
    ],
)
async def test_results_arrive_as_json_holds_them(
    result: str, expected: object, server: ForkServer
) -> None:
    assert expected == (await server.run("python3", f"def main(): return {result}", {})).value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("def main(): return float('nan')", "not JSON compliant", id="NaN"),
        pytest.param("def main(): return [float('inf')]", "not JSON compliant", id="infinity"),
        pytest.param("def main(): return {1, 2}", "set is not JSON serializable", id="set"),
        pytest.param(
            "def main():\n  x = []\n  for _ in range(500): x = [x]\n  return x",
            "more than 100 levels",
            id="deep",
        ),
        pytest.param(
            "def main():\n  x = {}\n  x['x'] = x\n  return x", "Circular reference", id="circle"
        ),
        pytest.param("def main(): return 10 ** 5000", "4300 digits", id="huge integer"),
        pytest.param("def main(): import requests", "no packages", id="package"),
        pytest.param(
            "import http.server", "does without 'http.server' of", id="a server is left out"
        ),
        pytest.param(
            "import turtle.x", "does without 'turtle' of the standard library", id="left out"
        ),
        pytest.param("def main(): open('/etc/passwd')", "no file system", id="file"),
        pytest.param(
            "import socket\ndef main(): socket.create_connection(('1.1.1.1', 80))",
            "no network",
            id="socket",
        ),
        pytest.param(
            "import urllib.request\ndef main(): urllib.request.urlopen('http://example.com')",
            "no network",
            id="urllib",
        ),
        pytest.param("import os\ndef main(): os.fork()", "no processes", id="fork"),
        pytest.param("x = 1", "name 'main' is not defined", id="no main"),
        pytest.param("def main(): 1/0", 'File "<code>", line 1, in main', id="traceback"),
    ],
)
async def test_authors_are_told_what_is_wrong(
    source: str, message: str, server: ForkServer
) -> None:
    with pytest.raises(CodeFailed) as failure:
        await server.run("python3", source, {})
    assert message in str(failure.value)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"\xff" * 100, id="no JSON"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b"[" * 100_000, id="deep JSON"),
        pytest.param(b'{"ok": true, "result": ' + b"[" * 900 + b"]" * 900 + b"}", id="deep result"),
        pytest.param(b'{"ok": 1, "message": [[[]]], "kind": {}, "output": 5}', id="other types"),
    ],
)
async def test_forged_answers_fail_only_their_call(answer: bytes, server: ForkServer) -> None:
    frame = len(answer).to_bytes(4, "big") + answer
    source = f"import os\ndef main():\n  os.write(3, {frame!r})\n  os._exit(0)"
    with pytest.raises(CodeFailed):
        await server.run("python3", source, {})
    assert {"y": 2} == (await server.run("python3", ADD_ONE, {"x": 1})).value


@pytest.mark.parametrize("length", [0xFFFFFFFF, (8 << 20) + 1])
async def test_an_answer_that_is_announced_too_long_is_not_read(
    length: int, server: ForkServer
) -> None:
    frame = length.to_bytes(4, "big")
    source = f"import os, time\ndef main():\n  os.write(3, {frame!r})\n  time.sleep(1000)"
    with pytest.raises(CodeFailed, match="larger than"):
        await server.run("python3", source, {})


async def test_half_an_answer_is_waited_for_and_no_longer() -> None:
    source = "import os, time\ndef main():\n  os.write(3, b'\\0\\0\\0\\x09abc')\n  time.sleep(1000)"
    async with running(replace(LIMITS, wall_seconds=0.5)) as server:
        with pytest.raises(CodeFailed, match=r"longer than 0\.5 seconds"):
            await server.run("python3", source, {})


async def test_what_is_too_large_is_not_even_sent(server: ForkServer) -> None:
    with pytest.raises(CodeFailed, match="code is longer than 400000 bytes"):
        await server.run("python3", "#" * 400_001, {})
    with pytest.raises(CodeFailed, match="inputs of the code are larger"):
        await server.run("python3", ADD_ONE, {"x": "x" * (9 << 20)})


async def test_calls_do_not_see_each_other(server: ForkServer) -> None:
    spoil = "import json\njson.loads = json.JSONDecoder.decode = None\ndef main(): pass"
    await server.run("python3", spoil, {})
    source = "import json\ndef main(): return json.loads('[1]')"
    assert [1] == (await server.run("python3", source, {})).value
