"""Hostile code against the sandbox, on hosts of several kinds: with all layers and with seccomp as
the only one, with a server of root and of another user, on every Python that is installed.

All attacks on one host run at the same time, before the first test looks at what came of its own.
What uses up time or memory until a limit of the kernel ends it runs on two hosts only, unless all
are asked for.
"""

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

from graphmill.variables.values import Value
from tests.sandbox.attack import Attack
from tests.sandbox.attacks_javascript import JAVASCRIPT
from tests.sandbox.attacks_jinja import JINJA
from tests.sandbox.attacks_python import PYTHON
from tests.sandbox.calling import (
    ALL_WALLS,
    LAYERS_OFF,
    NOBODY,
    STILL_WORKS,
    End,
    Host,
    Report,
    hosts,
    run_on,
)

Attacks = list[tuple[str, Attack]]
"""With their languages."""
ATTACKS: Attacks = [
    *(("python3", attack) for attack in PYTHON),
    *(("javascript", attack) for attack in JAVASCRIPT),
    *(("jinja2", attack) for attack in JINJA),
]
EXHAUSTING = {
    "python3": {
        "inf-loop",
        "inf-loop-catch-all",
        "inf-loop-in-except-KeyboardInterrupt",
        "module-level-loop",
        "ignore-signals",
        "c-level-loop",
        "redos",
        "bigint-pow",
        "mem-list",
        "mem-dict-growth",
        "mem-catch",
        "recursion-limit-raised",
        "c-recursion",
        "huge-stdout",
        "huge-output-list",
    },
    "javascript": {
        "inf-loop",
        "inf-loop-catch",
        "top-loop",
        "tojson-loop",
        "microtask-loop",
        "proxy",
        "redos",
        "mem-catch",
        "huge-log",
    },
    "jinja2": {
        "nested-range",
        "lipsum",
        "slice",
        "wordwrap",
        "while-iter",
        "big-template",
        "list-double",
    },
}
"""Names by language."""
TEMPLATE_INPUTS: dict[str, Value] = {"x": "abc", "xs": [1, 2, 3]}
QUICK = [(language, each) for language, each in ATTACKS if each.name not in EXHAUSTING[language]]

HOSTS = {name: Host(layers_off=off) for name, off in LAYERS_OFF.items()}
OTHER_HOSTS = {name: host for name, host in hosts() if host not in HOSTS.values()}

# The first test of each host waits for all of its attacks.
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
            yield arena
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


def run_all(host: Host, attacks: Attacks, arena: Arena) -> Report:
    # What belongs to the server's user is what a stranger may be able to change.
    shutil.chown(arena.folder / "canary", NOBODY if host.other_user else os.getuid())
    calls = [
        (
            language,
            arena.fill_in(attack.source),
            TEMPLATE_INPUTS if language == "jinja2" else attack.inputs,
        )
        for language, attack in attacks
    ]
    return run_on(host, calls, secret=arena.secret)


def got_something(attack: Attack, end: End) -> bool:
    """Did the attack work, or take the sandbox down?"""
    if end.failure is not None:
        return "restarted" in end.failure
    shown = end.value
    if isinstance(shown, dict):
        shown = shown.get("v", shown.get("result"))
    return attack.leaks(shown)


@pytest.fixture(scope="module", params=HOSTS.values(), ids=HOSTS.keys())
def report(request: pytest.FixtureRequest, arena: Arena) -> Report:
    return run_all(request.param, ATTACKS, arena)


@pytest.mark.parametrize(
    ("number", "attack"),
    list(enumerate(attack for _, attack in ATTACKS)),
    ids=[f"{language}-{attack.name}" for language, attack in ATTACKS],
)
def test_an_attack_gets_nothing(number: int, attack: Attack, report: Report) -> None:
    end = report.ends[number]
    assert not got_something(attack, end), end


def test_attacks_leave_no_traces(report: Report, arena: Arena) -> None:
    assert [] == arena.traces()


def test_calls_work_after_all_attacks(report: Report) -> None:
    assert STILL_WORKS == report.after


@pytest.mark.parametrize("host", OTHER_HOSTS.values(), ids=OTHER_HOSTS.keys())
def test_attacks_get_nothing_elsewhere(host: Host, arena: Arena) -> None:
    attacks = ATTACKS if ALL_WALLS else QUICK
    report = run_all(host, attacks, arena)
    successes = {
        f"{language} {attack.name}": end
        for (language, attack), end in zip(attacks, report.ends, strict=True)
        if got_something(attack, end)
    }
    assert ({}, [], STILL_WORKS) == (successes, arena.traces(), report.after)


def test_names_of_attacks_are_unique() -> None:
    assert len(ATTACKS) == len({(language, attack.name) for language, attack in ATTACKS})


def test_what_is_said_to_exhaust_is_an_attack() -> None:
    assert sum(map(len, EXHAUSTING.values())) == len(ATTACKS) - len(QUICK)
