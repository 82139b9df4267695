"""Hostile code against the sandbox: with all layers, and with seccomp as the only one.

All attacks of one setting run at the same time, before the first test looks at what came of its
own.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from graphmill.errors import CodeFailed
from graphmill.sandbox.fork_server import ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.variables.values import Value
from tests.sandbox.attack import Attack
from tests.sandbox.attacks_javascript import JAVASCRIPT
from tests.sandbox.attacks_jinja import JINJA
from tests.sandbox.attacks_python import PYTHON

LIMITS = CodeLimits(wall_seconds=3, cpu_seconds=1, running=8, waiting=1000, queue_seconds=120)
ATTACKS = [
    *(("python3", attack) for attack in PYTHON),
    *(("javascript", attack) for attack in JAVASCRIPT),
    *(("jinja2", attack) for attack in JINJA),
]
SETTINGS = {"all-layers": (), "seccomp-only": ("landlock", "namespaces")}
HARMLESS = "def main(): return {'sum': 1 + 1, 'length': len([1])}"
TEMPLATE_INPUTS: dict[str, Value] = {"x": "abc", "xs": [1, 2, 3]}

# The first test of each setting waits for all of its attacks.
pytestmark = pytest.mark.timeout(180)


@dataclass
class Arena:
    """Where attacks leave traces if they can."""

    folder: Path
    name: str
    secret: str
    port: int
    knocks: list[str] = field(default_factory=list)
    """Who reached a socket."""

    def fill_in(self, source: str) -> str:
        words = {
            "@FOLDER@": str(self.folder),
            "@NAME@": self.name,
            "@PORT@": str(self.port),
            "@SECRET@": self.secret,
            "@SECRET_HALF@": self.secret[:8],
            "@SECRET_REST@": self.secret[8:],
        }
        for word, meaning in words.items():
            source = source.replace(word, meaning)
        return source

    def traces(self) -> list[str]:
        marks = [self.folder / "canary", self.folder / "socket"]
        changed = [] if marks[0].read_text() == "canary" else ["the canary was changed"]
        if marks[0].stat().st_mode & 0o777 != 0o644:
            changed.append("the canary has other permissions")
        left = [path for path in self.folder.iterdir() if path not in marks]
        left += [
            path for path in (Path("/dev/shm") / self.name, Path("/") / self.name) if path.exists()
        ]
        return [*changed, *map(str, left), *self.knocks]


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    # Not tmp_path: everybody must be able to get there, or file permissions would hide a breach.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    canary = folder / "canary"
    canary.write_text("canary")
    canary.chmod(0o644)
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        arena = Arena(
            folder, f"x{secrets.token_hex(8)}", secrets.token_hex(8), tcp.getsockname()[1]
        )
        udp.bind(tcp.getsockname())
        with contextlib.ExitStack() as stack:
            stack.enter_context(_listening(tcp, arena.knocks))
            stack.enter_context(_listening(udp, arena.knocks))
            for address in (str(folder / "socket"), f"\0{arena.name}"):
                named = stack.enter_context(socket.socket(socket.AF_UNIX))
                named.bind(address)
                stack.enter_context(_listening(named, arena.knocks))
            (folder / "socket").chmod(0o777)
            os.environ["GRAPHMILL_TEST_SECRET"] = arena.secret
            try:
                yield arena
            finally:
                del os.environ["GRAPHMILL_TEST_SECRET"]
    shutil.rmtree(folder)


@contextlib.contextmanager
def _listening(server: socket.socket, knocks: list[str]) -> Iterator[None]:
    server.settimeout(0.1)
    ended = threading.Event()
    if server.type == socket.SOCK_STREAM:
        server.listen()

    def listen() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                if server.type == socket.SOCK_STREAM:
                    server.accept()[0].close()
                else:
                    server.recvfrom(100)
                knocks.append(f"somebody came through {server}")

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


Outcomes = dict[tuple[str, str], Value | CodeFailed]


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=SETTINGS.keys())
def outcomes(request: pytest.FixtureRequest, arena: Arena) -> Outcomes:
    """(language, name of the attack) → the result it got out, or how it failed."""
    return asyncio.run(_attack(request.param, arena))


async def _attack(layers_off: tuple[str, ...], arena: Arena) -> Outcomes:
    server = ForkServer(LIMITS, layers_off=layers_off)
    outcomes: Outcomes = {}

    async def attack(language: str, attack: Attack) -> None:
        inputs = TEMPLATE_INPUTS if language == "jinja2" else attack.inputs
        try:
            result = await server.run(language, arena.fill_in(attack.source), inputs)
            outcomes[language, attack.name] = result.value
        except CodeFailed as error:
            outcomes[language, attack.name] = error

    try:
        await server.start()
        async with asyncio.TaskGroup() as attacks:
            for language, each in ATTACKS:
                attacks.create_task(attack(language, each))
        result = await server.run("python3", HARMLESS, {})
        outcomes["python3", "and after all of them"] = result.value
    finally:
        await server.close()
    return outcomes


@pytest.mark.parametrize(
    ("language", "attack"),
    ATTACKS,
    ids=[f"{language}-{attack.name}" for language, attack in ATTACKS],
)
def test_an_attack_gets_nothing(language: str, attack: Attack, outcomes: Outcomes) -> None:
    outcome = outcomes[language, attack.name]
    if not isinstance(outcome, CodeFailed):
        shown = outcome.get("v", outcome.get("result")) if isinstance(outcome, dict) else outcome
        assert not attack.leaks(shown), outcome
    assert "restarted" not in str(outcome)


def test_attacks_leave_no_traces(outcomes: Outcomes, arena: Arena) -> None:
    assert [] == arena.traces()


def test_calls_work_after_all_attacks(outcomes: Outcomes) -> None:
    assert {"sum": 2, "length": 1} == outcomes["python3", "and after all of them"]


def test_names_of_attacks_are_unique() -> None:
    assert len(ATTACKS) == len({(language, attack.name) for language, attack in ATTACKS})
