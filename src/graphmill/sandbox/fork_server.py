"""The server's side of the zygote: starts it, hands calls to it, kills what takes too long, starts
it again.

A call is a socket pair: one end goes to the zygote, which forks a child that reads the request from
it and writes the answer (`answers`). A zygote whose walls do not stand is never given a call.
"""

import array
import asyncio
import contextlib
import itertools
import logging
import socket
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from graphmill import jsontext
from graphmill.background import Background
from graphmill.errors import CodeFailed, CodeUnavailable, NoWall
from graphmill.ports.code import CodeResult, Load
from graphmill.sandbox.answers import converse, failure_of, frame_of, read_answer
from graphmill.sandbox.limits import CodeLimits, Places, timed_out
from graphmill.sandbox.walls import (
    Isolation,
    Layers,
    breaches_in,
    read_layers,
    self_test,
    shortfall,
)
from graphmill.variables.values import Value

logger = logging.getLogger(__name__)

ZYGOTE: Final = Path(__file__).with_name("zygote")
BOOT_SECONDS: Final = 20.0
MESSAGE_BYTES: Final = 65536
RESTART_SECONDS: Final = (0.1, 10.0)
"""Pause before a dead zygote is started again: the first, and the longest."""
ENVIRONMENT: Final = {
    "TZ": "UTC",
    "LC_CTYPE": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
SELF_TEST_SECONDS: Final = 5.0
ENDLESS: Final = "def main():\n    while True: pass"


class ForkServer:
    """One zygote and its calls. `run` starts it when there is none."""

    def __init__(
        self,
        limits: CodeLimits,
        *,
        package_folders: Sequence[str] = (),
        packages: Sequence[str] = (),
        required: Isolation = Isolation.SECCOMP,
        layers_off: Sequence[str] = (),
        interpreter: Sequence[str] = (sys.executable,),
    ) -> None:
        """`layers_off` leaves out seccomp, landlock or namespaces, to see what the others hold.

        `interpreter` is what the zygote is started with, another Python for example."""
        self._limits = limits
        self._interpreter = tuple(interpreter)
        self._required = required
        self._settings = {
            "library_folders": _library_folders(),
            "package_folders": list(package_folders),
            "packages": list(packages),
            "layers_off": list(layers_off),
        }
        self._ids = itertools.count(1)
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._places = Places(limits)
        self._starting = asyncio.Lock()
        self._tasks = Background()
        self._control: socket.socket | None = None
        self._failures = 0
        self.refusal = ""
        """Why no code may run behind what stands here."""
        self.layers: Layers | None = None
        """What the last zygote reported."""

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        """Raises CodeFailed for what the author did, CodeUnavailable when the sandbox cannot run
        it, NoWall when it never can."""
        await self._places.take()
        try:
            # Not before: those that wait hold no copy of their inputs.
            request = self._request(language, source, inputs)
            control = await self._ready()
            call_id, channel = self._begin(control)
        except BaseException:
            self._places.release()
            raise
        # The place is free when the process is gone, not when the caller is.
        self._exits[call_id].add_done_callback(lambda _: self._places.release())
        return await self._call(control, call_id, channel, request, self._limits.wall_seconds)

    def load(self) -> Load:
        return Load(running=len(self._exits), waiting=self._places.waiting)

    async def start(self) -> Layers:
        """Raises CodeUnavailable when no zygote comes up, NoWall when its walls are not enough."""
        await self._ready()
        assert self.layers is not None, "a zygote that is ready has reported its layers"
        return self.layers

    async def close(self) -> None:
        """End the zygote; its children die with it."""
        await self._tasks.cancel()

    def _request(self, language: str, source: str, inputs: Mapping[str, Value]) -> bytes:
        limits = self._limits
        limits.check_source(source)
        return frame_of(
            limits.encode({
                "language": language,
                "source": source,
                "inputs": inputs,
                "memory_bytes": limits.memory_bytes,
                "cpu_seconds": limits.cpu_seconds,
                "threads": limits.threads,
                "result_characters": limits.result_characters,
                "log_characters": limits.log_characters,
            })
        )  # fmt: skip

    # --- one call --------------------------------------------------------------------------------

    def _begin(self, control: socket.socket) -> tuple[int, socket.socket]:
        """Have a child forked: its number, and the channel to it."""
        call_id = next(self._ids)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        rights = array.array("i", [theirs.fileno()])
        with theirs:
            try:
                control.sendmsg(
                    [jsontext.encode({"id": call_id})],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)],
                )
            except OSError as error:
                ours.close()
                raise CodeUnavailable(f"The code sandbox takes no calls: {error}.") from error
        self._exits[call_id] = asyncio.get_running_loop().create_future()
        return call_id, ours

    async def _call(
        self,
        control: socket.socket,
        call_id: int,
        channel: socket.socket,
        request: bytes,
        seconds: float,
    ) -> CodeResult:
        exited = self._exits[call_id]
        try:
            async with asyncio.timeout(seconds):
                body = await converse(channel, request)
                if body is None:
                    raise failure_of(await asyncio.shield(exited))
            return read_answer(body)
        except TimeoutError:
            raise timed_out(seconds) from None
        finally:
            channel.close()
            # Even after an answer: whoever wrote it need not have ended.
            if not exited.done():
                with contextlib.suppress(OSError):
                    control.send(jsontext.encode({"kill": call_id}))

    # --- the zygote ------------------------------------------------------------------------------

    async def _ready(self) -> socket.socket:
        async with self._starting:
            if self.refusal:
                raise NoWall(self.refusal)
            if self._control is None:
                if self._failures:
                    first, longest = RESTART_SECONDS
                    await asyncio.sleep(min(longest, first * 2 ** (self._failures - 1)))
                self._control = await self._boot()
            return self._control

    async def _boot(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await _spawn(self._interpreter, theirs)
        greeted: asyncio.Future[Layers] = asyncio.get_running_loop().create_future()
        self._tasks.start(self._attend(ours, process, greeted), name="sandbox")
        self._failures += 1
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                self.layers = await greeted
            await self._check_walls(ours, self.layers)
        except TimeoutError:
            process.kill()
            raise _no_start(f" within {BOOT_SECONDS:g} seconds") from None
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        self._failures = 0
        return ours

    async def _attend(
        self,
        control: socket.socket,
        process: asyncio.subprocess.Process,
        greeted: asyncio.Future[Layers],
    ) -> None:
        """Take the zygote's messages until it is gone; then its calls in flight have failed."""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(control, jsontext.encode(self._settings))
            while message := await loop.sock_recv(control, MESSAGE_BYTES):
                news = jsontext.decode(message)
                if "ready" in news:
                    greeted.set_result(read_layers(news["ready"]))
                elif "failed" in news:
                    greeted.set_exception(_no_start(f": {news['failed']}"))
                else:
                    _settle(self._exits.pop(news["exited"], None), news["status"])
        except OSError as error:
            logger.warning("the code sandbox is gone: %s", error)
        finally:
            self._lose(control)
            if not greeted.done():
                greeted.set_exception(_no_start())
                # Whoever waited for it may be gone.
                greeted.exception()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _lose(self, control: socket.socket) -> None:
        control.close()
        if self._control is control:
            self._control = None
            self._failures += 1
        exits, self._exits = self._exits, {}
        for exited in exits.values():
            _settle(exited, -1)

    async def _check_walls(self, control: socket.socket, layers: Layers) -> None:
        """Raises NoWall when less stands than is required, now and for ever."""
        if layers.missing:
            logger.warning("the code sandbox has no %s", ", ".join(layers.missing))
        if self._required is Isolation.NONE:
            logger.warning("code nodes run WITHOUT a sandbox (sandbox.allow_unsandboxed)")
            return
        reason = shortfall(layers, self._required) or await self._find_breaches(control)
        if reason:
            self.refusal = reason
            raise NoWall(reason)

    async def _find_breaches(self, control: socket.socket) -> str:
        """What code can do that it must not be able to do; empty when nothing.

        Raises CodeUnavailable when that could not be found out."""
        test = self._request("python3", self_test(), {"memory_bytes": self._limits.memory_bytes})
        try:
            result = await self._call(control, *self._begin(control), test, SELF_TEST_SECONDS)
        except CodeFailed as error:
            raise _no_start(f": its self-test failed: {error}") from error
        call_id, channel = self._begin(control)
        exited = self._exits[call_id]
        with contextlib.suppress(CodeFailed):
            endless = self._request("python3", ENDLESS, {})
            await self._call(control, call_id, channel, endless, 0.02)
        ended, _ = await asyncio.wait([exited], timeout=SELF_TEST_SECONDS)
        return breaches_in(result.value) if ended else "it cannot be ended"


async def _spawn(interpreter: Sequence[str], control: socket.socket) -> asyncio.subprocess.Process:
    # Nothing of this process: no environment, no site, no descriptor but the control socket.
    options = ("-I", "-S", "-B", "-X", "utf8", "-W", "ignore")
    return await asyncio.create_subprocess_exec(
        *interpreter,
        *options,
        str(ZYGOTE),
        str(control.fileno()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd="/",
        pass_fds=(control.fileno(),),
        start_new_session=True,
    )


def _no_start(why: str = "") -> CodeUnavailable:
    return CodeUnavailable(f"The code sandbox did not start{why}.")


def _settle(exited: asyncio.Future[int] | None, status: int) -> None:
    if exited is not None and not exited.done():
        exited.set_result(status)


def _library_folders() -> list[str]:
    """Where QuickJS and Jinja2 lie: the environment that this server runs in."""
    paths = sysconfig.get_paths()
    return sorted({paths["purelib"], paths["platlib"]})
