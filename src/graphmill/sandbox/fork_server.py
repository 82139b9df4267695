"""The server's side of the zygote: starts it, hands calls to it, kills what takes too long, starts
it again.

A call is a socket pair: one end goes to the zygote, which forks a child that reads the request from
it and writes the answer. Everything a child says is strangers' data: its length is looked at before
it is read, its shape before it is used.
"""

import array
import asyncio
import contextlib
import itertools
import signal
import socket
import struct
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graphmill import jsontext
from graphmill.background import Background
from graphmill.errors import CodeFailed, CodeUnavailable
from graphmill.ports import CodeResult
from graphmill.variables.values import Value

ZYGOTE: Final = Path(__file__).with_name("zygote")
BOOT_SECONDS: Final = 20.0
FRAME_BYTES: Final = 8 << 20
"""The longest answer that is read at all."""
MESSAGE_BYTES: Final = 65536
RESTART_SECONDS: Final = (0.1, 10.0)
"""Pause before a dead zygote is started again: the first, and the longest."""
ENVIRONMENT: Final = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
_SIGNALS: Final = {
    signal.SIGXCPU: "The code used more CPU time than it may.",
    signal.SIGKILL: "The code was killed: it used more CPU time or memory than it may.",
    signal.SIGSEGV: "The code crashed its interpreter, most likely by recursion without end.",
    signal.SIGSYS: "The code made a forbidden system call.",
}


@dataclass(frozen=True, slots=True)
class CodeLimits:
    wall_seconds: float = 30.0
    cpu_seconds: int = 10
    memory_bytes: int = 256 << 20
    threads: int = 16
    result_characters: int = 1_000_000
    log_characters: int = 65_536
    source_bytes: int = 400_000
    input_bytes: int = 8 << 20
    running: int = 4
    """Calls at once; the others wait."""
    waiting: int = 256
    queue_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Layers:
    """Which walls stand, as the zygote reports them."""

    seccomp: bool
    landlock: int
    namespaces: str
    dropped_root: bool
    missing: tuple[str, ...] = ()

    @property
    def isolation(self) -> str:
        """full, seccomp (the wall without the layers behind it) or none."""
        if not self.seccomp:
            return "none"
        return "full" if self.landlock and self.namespaces else "seccomp"


class ForkServer:
    """One zygote and its calls. `run` starts it when there is none."""

    def __init__(
        self,
        limits: CodeLimits,
        *,
        package_folders: Sequence[str] = (),
        packages: Sequence[str] = (),
        layers_off: Sequence[str] = (),
    ) -> None:
        """`layers_off` is for tests: which walls to leave out."""
        self._limits = limits
        self._settings = {
            "library_folders": _library_folders(),
            "package_folders": list(package_folders),
            "packages": list(packages),
            "layers_off": list(layers_off),
        }
        self._ids = itertools.count(1)
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._running = asyncio.Semaphore(limits.running)
        self._waiting = 0
        self._starting = asyncio.Lock()
        self._tasks = Background()
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._failures = 0
        self.layers: Layers | None = None

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        """Raises CodeFailed for what the author did, CodeUnavailable when the sandbox cannot run
        it."""
        request = self._request(language, source, inputs)
        if self._waiting >= self._limits.waiting:
            raise CodeUnavailable("The code sandbox is busy: too many calls wait. Try again later.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.queue_seconds):
                await self._running.acquire()
        except TimeoutError:
            raise CodeUnavailable("The code sandbox is busy. Try again later.") from None
        finally:
            self._waiting -= 1
        try:
            control = await self._ready()
            return await self._call(control, request)
        finally:
            self._running.release()

    async def start(self) -> Layers:
        """Raises CodeUnavailable when the zygote does not come up."""
        await self._ready()
        assert self.layers is not None, "a zygote that is ready has reported its layers"
        return self.layers

    async def close(self) -> None:
        """End the zygote; its children die with it."""
        self._lose(self._control)
        await self._tasks.cancel()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    def _request(self, language: str, source: str, inputs: Mapping[str, Value]) -> bytes:
        limits = self._limits
        if len(source.encode("utf-8", "replace")) > limits.source_bytes:
            raise CodeFailed(f"The code is longer than {limits.source_bytes} bytes.")
        body = jsontext.encode({
            "language": language,
            "source": source,
            "inputs": inputs,
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": limits.cpu_seconds,
            "threads": limits.threads,
            "result_characters": limits.result_characters,
            "log_characters": limits.log_characters,
        })  # fmt: skip
        if len(body) > limits.input_bytes:
            raise CodeFailed(f"The inputs of the code are larger than {limits.input_bytes} bytes.")
        return struct.pack("!I", len(body)) + body

    async def _call(self, control: socket.socket, request: bytes) -> CodeResult:
        call_id = next(self._ids)
        exited = self._exits[call_id] = asyncio.get_running_loop().create_future()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        answered = False
        try:
            with theirs:
                self._send(control, {"id": call_id}, theirs)
            async with asyncio.timeout(self._limits.wall_seconds):
                frame = await _converse(ours, request)
                answered = frame is not None
                if frame is None:
                    raise CodeFailed(_describe_exit(await exited))
            return _result(frame)
        except TimeoutError:
            raise CodeFailed(
                f"The code ran longer than {self._limits.wall_seconds:g} seconds.", kind="Timeout"
            ) from None
        finally:
            ours.close()
            if not answered and not exited.done():
                with contextlib.suppress(OSError):
                    control.send(jsontext.encode({"kill": call_id}))

    def _send(
        self, control: socket.socket, message: Mapping[str, Value], descriptor: socket.socket
    ) -> None:
        rights = array.array("i", [descriptor.fileno()])
        try:
            control.sendmsg(
                [jsontext.encode(message)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
            )
        except OSError as error:
            raise CodeUnavailable(f"The code sandbox does not take calls: {error}.") from error

    async def _ready(self) -> socket.socket:
        async with self._starting:
            if self._control is None:
                first, longest = RESTART_SECONDS
                if self._failures:
                    await asyncio.sleep(min(longest, first * 2**self._failures))
                self._control = await self._boot()
            return self._control

    async def _boot(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(
                    "-I",
                    "-S",
                    "-B",
                    "-X",
                    "utf8",
                    "-W",
                    "ignore",
                    str(ZYGOTE),
                    str(theirs.fileno()),
                ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                await loop.sock_sendall(ours, jsontext.encode(self._settings))
                hello = await loop.sock_recv(ours, MESSAGE_BYTES)
        except (TimeoutError, OSError):
            hello = b""
        if not hello:
            ours.close()
            self._failures += 1
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            raise CodeUnavailable("The code sandbox did not start.")
        report = jsontext.decode(hello)["ready"]
        self.layers = Layers(**{**report, "missing": tuple(report["missing"])})
        self._failures = 0
        self._tasks.start(self._listen(ours, self._process), name="sandbox")
        return ours

    async def _listen(self, control: socket.socket, process: asyncio.subprocess.Process) -> None:
        """Take the zygote's messages until it is gone; then its calls in flight have failed."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while message := await loop.sock_recv(control, MESSAGE_BYTES):
                news = jsontext.decode(message)
                exited = self._exits.pop(news["exited"], None)
                if exited is not None and not exited.done():
                    exited.set_result(news["status"])
        self._failures += 1
        self._lose(control)
        await process.wait()

    def _lose(self, control: socket.socket | None) -> None:
        if control is None:
            return
        control.close()
        if self._control is control:
            self._control = None
        exits, self._exits = self._exits, {}
        for exited in exits.values():
            if not exited.done():
                exited.set_result(-1)


async def _converse(ours: socket.socket, request: bytes) -> bytes | None:
    """Send the request and read the answer; None when the child ended without one."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(ours, request)
        received = bytearray()
        while len(received) < 4 or len(received) < 4 + _length(received):
            piece = await loop.sock_recv(ours, 1 << 18)
            if not piece:
                return None
            received += piece
    except (ConnectionResetError, BrokenPipeError):
        return None
    return bytes(received[4 : 4 + _length(received)])


def _length(received: bytearray) -> int:
    length: int = struct.unpack_from("!I", received)[0]
    if length > FRAME_BYTES:
        raise CodeFailed(f"The result of the code is larger than {FRAME_BYTES} bytes.")
    return length


def _result(frame: bytes) -> CodeResult:
    """Raises CodeFailed when the child says so, or says nothing that can be understood."""
    try:
        reply = jsontext.decode(frame)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise CodeFailed("The code sandbox gave an answer that cannot be read.")
    output, errors = str(reply.get("output", "")), str(reply.get("errors", ""))
    if reply.get("ok") is not True:
        message = str(reply.get("message", "")) or "The code failed."
        raise CodeFailed(message, kind=str(reply.get("kind", "")), output=output)
    return CodeResult(reply.get("result"), output, errors)


def _describe_exit(status: int) -> str:
    if status < 0:
        return "The code sandbox was restarted while the code ran."
    number = status & 0x7F
    if number:
        return _SIGNALS.get(signal.Signals(number), f"The code ended with signal {number}.")
    return "The code ended its process without a result."


def _library_folders() -> list[str]:
    """Where QuickJS and Jinja2 lie: the environment that this server runs in."""
    paths = sysconfig.get_paths()
    return sorted({paths["purelib"], paths["platlib"]})
