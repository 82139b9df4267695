"""Python in pydantic-monty: the same contract as in the fork server, or a failure that says why."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.errors import CodeFailed, CodeUnavailable
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.monty import Monty
from graphmill.variables.values import Value
from tests.sandbox.attack import Attack
from tests.sandbox.attacks_python import PYTHON as ATTACKS
from tests.sandbox.snippets_python import PYTHON as SNIPPETS
from tests.sandbox.test_fork_server import until
from tests.sandbox.test_snippets import expected_of

LIMITS = CodeLimits(wall_seconds=5, cpu_seconds=1, running=4, waiting=1000, queue_seconds=60)
ADD_ONE = "def main(x):\n  return {'y': x + 1}"


@pytest.fixture
async def monty() -> AsyncIterator[Monty]:
    monty = Monty(LIMITS)
    yield monty
    await monty.close()


async def failure_of(monty: Monty, source: str, inputs: dict[str, Value]) -> CodeFailed:
    with pytest.raises(CodeFailed) as failure:
        await monty.run("python3", source, inputs)
    return failure.value


def workers() -> list[int]:
    lists = Path("/proc/self/task").glob("*/children")
    children = [int(child) for each in lists for child in each.read_text().split()]
    return [child for child in children if b"monty" in Path(f"/proc/{child}/cmdline").read_bytes()]


def ticks_of(worker: int) -> int:
    """Time that it has computed, in hundredths of a second."""
    return int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[11])


async def test_a_call_gives_what_main_returned_and_what_it_printed(monty: Monty) -> None:
    source = (
        "import sys\ndef main(a):\n  print('out', a)\n  print('err', file=sys.stderr)\n  return a"
    )
    result = await monty.run("python3", source, {"a": ["x", None, 1.5, 2**70, "é"]})
    assert ["x", None, 1.5, 2**70, "é"] == result.value
    assert ("err\n", True) == (result.errors, result.output.startswith("out ['x', None"))


async def test_json_and_b64decode_are_there_as_in_dify(monty: Monty) -> None:
    source = "def main(): return json.loads(b64decode('WzFd').decode())"
    assert [1] == (await monty.run("python3", source, {})).value


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        pytest.param("def main(): return 1/0", "ZeroDivisionError", "division", id="raises"),
        pytest.param(
            "def main():\n  while True: pass", "CpuTimeExceeded", "CPU time", id="computes"
        ),
        pytest.param(
            "def main():\n  raise TimeoutError('mine')", "TimeoutError", "mine", id="its own"
        ),
        pytest.param("def main(): return 'x' * (1 << 30)", "MemoryError", "memory", id="memory"),
        pytest.param(
            "def main(): return 'x' * 1_000_001", "OutputTooLarge", "1000000", id="returns much"
        ),
        pytest.param(
            "def main(): return 'x' * 9_000_000", "OutputTooLarge", "1000000", id="returns more"
        ),
        pytest.param("def main(:", "SyntaxError", 'File "<code>", line 1', id="syntax"),
        pytest.param("x = 1", "NameError", "name 'main' is not defined", id="no main"),
        pytest.param("def main(): return {1, 2}", "TypeError", "not JSON", id="set"),
        pytest.param("def main(): return float('nan')", "ValueError", "not JSON", id="NaN"),
        pytest.param("import requests", "ModuleNotFoundError", "only a part", id="package"),
        pytest.param(
            "class A(dict): pass", "NotImplementedError", "only a part of Python", id="language"
        ),
        pytest.param(
            "def main():\n  x = []\n  for _ in range(500): x = [x]\n  return x",
            "",
            "more than 100 levels",
            id="deep",
        ),
        pytest.param("#" * 400_001, "", "longer than 400000 bytes", id="long source"),
    ],
)
async def test_authors_are_told_what_is_wrong(
    source: str, kind: str, message: str, monty: Monty
) -> None:
    failure = await failure_of(monty, source, {})
    assert kind == failure.kind
    assert message in str(failure)


async def test_a_traceback_has_the_lines_of_the_author_only(monty: Monty) -> None:
    source = "def half(x):\n  return x / 0\n\ndef main(x):\n  print('before')\n  return half(x)"
    failure = await failure_of(monty, source, {"x": 1})
    assert [
        "Traceback (most recent call last):",
        '  File "<code>", line 6, in main',
        "    return half(x)",
        '  File "<code>", line 2, in half',
        "    return x / 0",
        "ZeroDivisionError: division by zero",
    ] == str(failure).splitlines()
    assert "before\n" == failure.output


async def test_code_that_sleeps_ends_in_time() -> None:
    monty = Monty(CodeLimits(wall_seconds=0.3))
    failure = await failure_of(monty, "import time\ndef main(): time.sleep(1000)", {})
    await monty.close()
    assert "Timeout" == failure.kind


async def test_what_cannot_fit_waits_and_not_for_ever() -> None:
    monty = Monty(CodeLimits(running=1, waiting=1, queue_seconds=0.1, wall_seconds=0.5))
    sleep = "import time\ndef main(): time.sleep(1000)"
    calls = [monty.run("python3", sleep, {}) for _ in range(3)]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    await monty.close()
    assert [CodeFailed, CodeUnavailable, CodeUnavailable] == [type(end) for end in ends]


async def test_cancelling_a_call_ends_its_worker(monty: Monty) -> None:
    await monty.run("python3", ADD_ONE, {"x": 1})
    (worker,) = workers()
    at_rest = ticks_of(worker)
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(monty.run("python3", "def main():\n  while True: pass", {}))
        await until(lambda: ticks_of(worker) > at_rest + 2)
        call.cancel()
    assert {"y": 2} == (await monty.run("python3", ADD_ONE, {"x": 1})).value
    assert worker not in workers()


async def test_workers_see_nothing_of_the_environment_and_end_with_the_pool() -> None:
    monty = Monty(LIMITS)
    os.environ["GRAPHMILL_TEST_SECRET"] = "s3cret"
    try:
        await monty.start()
        (worker,) = workers()
        assert b"" == Path(f"/proc/{worker}/environ").read_bytes()
    finally:
        del os.environ["GRAPHMILL_TEST_SECRET"]
        await monty.close()
    assert [] == workers()


async def test_calls_do_not_see_each_other(monty: Monty) -> None:
    await monty.run("python3", "left = 1\njson = None\ndef main(): return {}", {})
    failure = await failure_of(monty, "def main(): return left", {})
    assert "NameError" == failure.kind
    assert [1] == (await monty.run("python3", "def main(): return json.loads('[1]')", {})).value


def test_what_it_knows_it_does_as_python_does_and_the_rest_fails() -> None:
    ends = asyncio.run(_snippets())
    others = {
        name: end
        for name, end in ends.items()
        if not isinstance(end, CodeFailed) and end != expected_of(name)
    }
    assert {} == others
    assert len([end for end in ends.values() if not isinstance(end, CodeFailed)]) >= 40


async def _snippets() -> dict[str, Value | CodeFailed]:
    monty = Monty(LIMITS)

    async def end_of(source: str) -> Value | CodeFailed:
        try:
            return (await monty.run("python3", source, {})).value
        except CodeFailed as failure:
            return failure

    ends = await asyncio.gather(*map(end_of, SNIPPETS.values()))
    await monty.close()
    return dict(zip(SNIPPETS, ends, strict=True))


async def test_attacks_get_nothing_here_either(monty: Monty, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("canary")

    async def leaks(attack: Attack) -> bool:
        source = attack.source.replace("@FOLDER@", str(tmp_path))
        try:
            result = await monty.run("python3", source, attack.inputs)
        except CodeFailed:
            return False
        shown = result.value.get("v") if isinstance(result.value, dict) else result.value
        return attack.leaks(shown)

    ends = await asyncio.gather(*map(leaks, ATTACKS))
    broken = [attack.name for attack, leaked in zip(ATTACKS, ends, strict=True) if leaked]
    assert ([], "canary") == (broken, canary.read_text())
    assert {"y": 2} == (await monty.run("python3", ADD_ONE, {"x": 1})).value
