"""What a child of the zygote says, read as strangers' data: how long it is before it is read, what
shape it has before it is used."""

import asyncio
import socket
import struct
from typing import Final

from graphmill import jsontext
from graphmill.errors import CodeFailed, CodeUnavailable
from graphmill.ports.code import CodeResult
from graphmill.variables.values import Value

FRAME_BYTES: Final = 8 << 20
"""The longest answer that is read at all."""
LEVELS: Final = 100
"""How deep a result may be nested; what comes after must be able to walk through it."""

_HEAD: Final = struct.Struct("!I")
_PIECE: Final = 1 << 18
CPU_TIME_EXCEEDED: Final = ("CpuTimeExceeded", "The code used more CPU time than it may.")
CRASHED: Final = (
    "Crashed",
    "The code crashed its interpreter, most likely by recursion without end.",
)
"""Kind and message of a failure."""

# Numbers of Linux: there is no zygote elsewhere, and not every system has these names.
_SIGXCPU, _SIGKILL, _SIGSEGV = 24, 9, 11
_SIGNALS: Final[dict[int, tuple[str, str]]] = {
    _SIGXCPU: CPU_TIME_EXCEEDED,
    _SIGKILL: ("Killed", "The code was killed: it used more CPU time or memory than it may."),
    _SIGSEGV: CRASHED,
}


def frame_of(body: bytes) -> bytes:
    return _HEAD.pack(len(body)) + body


async def converse(channel: socket.socket, request: bytes) -> bytes | None:
    """Send a frame and read the answer's body; None when the child ended without one.

    Raises CodeFailed when the answer is too long."""
    loop = asyncio.get_running_loop()
    received = bytearray()
    try:
        await loop.sock_sendall(channel, request)
        while len(received) < _HEAD.size or len(received) < _HEAD.size + _length(received):
            piece = await loop.sock_recv(channel, _PIECE)
            if not piece:
                return None
            received += piece
    except (ConnectionResetError, BrokenPipeError):
        return None
    return bytes(received[_HEAD.size : _HEAD.size + _length(received)])


def _length(received: bytearray) -> int:
    length: int = _HEAD.unpack_from(received)[0]
    if length > FRAME_BYTES:
        raise CodeFailed(
            f"The result of the code is larger than {FRAME_BYTES} bytes.", kind="OutputTooLarge"
        )
    return length


def read_answer(body: bytes) -> CodeResult:
    """Raises CodeFailed when the child says so, or says nothing that can be understood."""
    try:
        reply = jsontext.decode(body)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise CodeFailed("The code sandbox gave an answer that cannot be read.")
    output, errors = _text(reply.get("output")), _text(reply.get("errors"))
    if reply.get("ok") is not True:
        message = _text(reply.get("message")) or "The code failed."
        raise CodeFailed(message, kind=_text(reply.get("kind")), output=output)
    value = reply.get("result")
    check_depth(value, body.count(b"[") + body.count(b"{"))
    return CodeResult(value, output, errors)


def check_depth(value: Value, brackets: int) -> None:
    """`brackets` is how many open in its text: few cannot hold a deep value, so most results need
    no walk. Raises CodeFailed."""
    if brackets > LEVELS and _is_deeper(value, LEVELS):
        raise CodeFailed(f"The result of the code is nested more than {LEVELS} levels deep.")


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _is_deeper(value: Value, levels: int) -> bool:
    """Level by level, for a recursive walk is what a deep value would break."""
    current = [value]
    for _ in range(levels):
        current = [child for item in current for child in _children(item)]
    return bool(current)


def _children(value: Value) -> list[Value]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def failure_of(status: int) -> CodeFailed | CodeUnavailable:
    """Why a child ended without an answer; `status` as the kernel gives it, negative when nobody
    knows."""
    if status < 0:
        return CodeUnavailable("The code sandbox was restarted while the code ran. Try again.")
    number = status & 0x7F
    if number:
        kind, message = _SIGNALS.get(number, ("Killed", f"The code ended with signal {number}."))
        return CodeFailed(message, kind=kind)
    return CodeFailed("The code ended its process without a result.", kind="Exited")
