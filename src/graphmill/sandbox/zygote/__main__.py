"""The zygote: a process that has everything loaded and all walls up, and forks itself for each
call.

Run as `python -I -S -B -X utf8 FOLDER DESCRIPTOR` with an empty environment; it imports nothing of
graphmill. On the control socket it gets its settings, then `{"id": n}` with the socket of a call,
or `{"kill": n}`; it tells `{"ready": report}` or `{"failed": why}`, and later
`{"exited": n, "status": s}`. It never sees a request: the child reads that itself.
"""

import array
import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any

import call
import kernel
import languages
import preload
import seccomp

CONTROL = 3
MESSAGE_BYTES = 65536
DESCRIPTORS = 256
"""How many this process may have: none that it does not know can lie above."""


class Zygote:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._pid = os.getpid()
        self._calls: dict[int, int] = {}
        self._children: dict[int, int] = {}
        self._wall: seccomp.Filter | None = None
        self._packages: tuple[str, ...] = ()

    def prepare(self, settings: dict[str, Any]) -> None:
        """Load everything, then give up everything. The order matters."""
        off = set(settings["layers_off"])
        # Libraries may start threads, and namespaces need a process with one.
        namespaces = "" if "namespaces" in off else kernel.unshare()
        self._packages = tuple(settings["packages"])
        preload.load_standard_library()
        missing = preload.load(preload.LIBRARIES, settings["library_folders"])
        missing += preload.load(settings["packages"], settings["package_folders"])
        self._zones = preload.load_time_zones(settings["library_folders"])
        languages.warm_templates()
        dropped = kernel.drop_root()
        kernel.drop_capabilities()
        # After the change of user, which forgets it.
        kernel.die_with_parent()
        kernel.hide_memory()
        landlock = 0 if "landlock" in off else kernel.landlock()
        if "seccomp" not in off and seccomp.is_supported():
            wall = seccomp.Filter()
            self._wall = wall if wall.can_be_loaded() else None
        gc.collect()
        gc.freeze()
        self._tell(
            ready={
                "seccomp": self._wall is not None,
                "landlock": landlock,
                "namespaces": namespaces,
                "dropped_root": dropped,
                "missing": missing,
            }
        )

    def serve(self) -> None:
        """Fork for each call until the server goes away."""
        wake_up, waker = os.pipe()
        os.set_blocking(wake_up, False)
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker)
        poll = select.poll()
        poll.register(CONTROL, select.POLLIN)
        poll.register(wake_up, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == wake_up:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_up, MESSAGE_BYTES)
                    self._reap()
                elif not self._obey():
                    return

    def _obey(self) -> bool:
        """Take one message. False when the server has closed the socket."""
        message, ancillary, _, _ = self._control.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(4))
        if not message:
            return False
        order = json.loads(message)
        if "kill" in order:
            child = self._calls.get(order["kill"])
            if child is not None:
                os.kill(child, signal.SIGKILL)
        else:
            self._fork(order["id"], array.array("i", ancillary[0][2])[0])
        return True

    def _fork(self, call_id: int, descriptor: int) -> None:
        try:
            child = os.fork()
        except OSError:
            os.close(descriptor)
            self._tell(exited=call_id, status=-1)
            return
        if child == 0:
            try:
                self._become_child(descriptor)
            finally:
                os._exit(2)
        os.close(descriptor)
        self._children[child] = call_id
        self._calls[call_id] = child

    def _become_child(self, descriptor: int) -> None:
        kernel.die_with_parent()
        if os.getppid() != self._pid:
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # The socket object would close number 3 when it is collected, after the call's socket got
        # it.
        self._control.detach()
        os.dup2(descriptor, CONTROL)
        os.closerange(CONTROL + 1, DESCRIPTORS)
        call.answer(CONTROL, self._wall, self._packages)
        call.exit_now()

    def _reap(self) -> None:
        while self._children:
            child, status, _ = os.wait4(-1, os.WNOHANG)
            if child == 0:
                return
            call_id = self._children.pop(child)
            del self._calls[call_id]
            self._tell(exited=call_id, status=status)

    def _tell(self, **message: Any) -> None:
        self._control.send(json.dumps(message).encode())


def main() -> None:
    descriptor = int(sys.argv[1])
    if descriptor != CONTROL:
        os.dup2(descriptor, CONTROL)
        # Its number may be high in a busy server, and no call may ever find it.
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    os.closerange(CONTROL + 1, DESCRIPTORS)
    sys.argv[:] = [""]
    control = socket.socket(fileno=CONTROL)
    settings = json.loads(control.recv(MESSAGE_BYTES))
    # Strangers must not find the modules of this program by name.
    folder = sys.path.pop(0)
    zygote = Zygote(control)
    try:
        zygote.prepare(settings)
    except Exception as error:
        # There is no other way out: standard error leads nowhere.
        control.send(json.dumps({"failed": f"{type(error).__name__}: {error}"[:1000]}).encode())
        return
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    zygote.serve()


main()
