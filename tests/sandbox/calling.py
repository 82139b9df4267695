"""Calls of strangers' code on a host of another kind: by a server of another user, in a zygote of
another Python, with some of the walls only.

As a program, that server: it reads what to run from standard input and writes how that ended.
"""

import asyncio
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from graphmill.errors import CodeFailed
from graphmill.sandbox.fork_server import ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.variables.values import Value

ROOT = Path(__file__).parents[2]
LIMITS = CodeLimits(wall_seconds=3, cpu_seconds=1, running=8, waiting=1000, queue_seconds=120)
ALL_WALLS = bool(os.environ.get("GRAPHMILL_TEST_ALL_WALLS"))
"""Is everything to be run on every kind of host? `make test-walls` says so."""
NOBODY = 65534
HARMLESS = "def main(): return {'sum': 1 + 1, 'length': len([1])}"
VERSIONS = ("3.11", "3.12", "3.13")
LAYERS_OFF = {"all-layers": (), "seccomp-only": ("landlock", "namespaces")}

Call = tuple[str, str, Mapping[str, Value]]
"""Language, source, inputs."""


@dataclass(frozen=True, slots=True)
class Host:
    other_user: bool = False
    """Of the server; nobody, in place of root."""
    layers_off: tuple[str, ...] = ()
    python: str = sys.executable
    """Of the zygote."""


@dataclass(frozen=True, slots=True)
class End:
    value: Value = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    ends: list[End]
    after: End
    """Of a harmless call, when all others had ended."""


STILL_WORKS = End({"sum": 2, "length": 1})


def run_on(host: Host, calls: Sequence[Call], *, secret: str = "") -> Report:
    """All calls at the same time."""
    # File permissions must not hide what the walls let through; and this Python may be root's own.
    as_nobody = (
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
    )  # fmt: skip
    order = {"host": asdict(host), "calls": [(name, source, dict(i)) for name, source, i in calls]}
    program = subprocess.run(
        [*(as_nobody if host.other_user else ()), sys.executable, "-m", "tests.sandbox.calling"],
        input=json.dumps(order).encode(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
        env={**os.environ, "GRAPHMILL_TEST_SECRET": secret, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    *ends, after = (End(**end) for end in json.loads(program.stdout))
    return Report(ends, after)


def can_change_user() -> bool:
    return os.getuid() == 0 and shutil.which("setpriv") is not None


def hosts() -> Iterator[tuple[str, Host]]:
    """Every kind of host that can be had on this one, by name."""
    for other_user in (False, True) if can_change_user() else (False,):
        for name, off in LAYERS_OFF.items():
            # Who is in a namespace of users has no rights to what root alone may read.
            reader = NOBODY if other_user and "namespaces" not in off else None
            for version, python in _pythons(reader).items():
                user = "nobody" if other_user else "own-user"
                yield f"{user}-{version}-{name}", Host(other_user, off, python)


def _pythons(reader: int | None) -> Mapping[str, str]:
    """Version → an interpreter that is installed, works, and can be run by `reader`."""
    found = {version: _python(version, reader) for version in VERSIONS}
    return {version: path for version, path in found.items() if path is not None}


@functools.cache
def _python(version: str, reader: int | None) -> str | None:
    managed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    paths = (sys.executable, *map(str, managed), f"/usr/bin/python{version}")
    return next((path for path in paths if _answers(path, version, reader)), None)


def _answers(path: str, version: str, reader: int | None) -> bool:
    question = "import sys, zoneinfo; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [path, "-c", question], capture_output=True, check=False, user=reader
        )
    except OSError:
        return False
    return answer.stdout.decode().strip() == version


async def _serve(host: Host, calls: Sequence[Call]) -> list[End]:
    """How the calls ended, and then a harmless one."""
    server = ForkServer(LIMITS, layers_off=host.layers_off, interpreter=(host.python,))

    async def end_of(language: str, source: str, inputs: Mapping[str, Value]) -> End:
        try:
            return End((await server.run(language, source, inputs)).value)
        except CodeFailed as error:
            return End(failure=str(error))

    try:
        await server.start()
        ends = await asyncio.gather(*(end_of(*call) for call in calls))
        return [*ends, await end_of("python3", HARMLESS, {})]
    finally:
        await server.close()


if __name__ == "__main__":
    order = json.load(sys.stdin)
    ends = asyncio.run(_serve(Host(**order["host"]), order["calls"]))
    json.dump([asdict(end) for end in ends], sys.stdout)
