"""What one call of strangers' code may use, and how many calls there may be."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from graphmill import jsontext
from graphmill.errors import CodeFailed, CodeUnavailable


@dataclass(frozen=True, slots=True)
class CodeLimits:
    wall_seconds: float = 30.0
    cpu_seconds: int = 10
    memory_bytes: int = 256 << 20
    """Address space, of which an interpreter takes about 50 MiB."""
    threads: int = 256
    """Of all calls together. A call comes to 31 in its memory."""
    result_characters: int = 1_000_000
    log_characters: int = 65_536
    source_bytes: int = 400_000
    input_bytes: int = 8 << 20
    running: int = max(16, 4 * (os.cpu_count() or 1))
    """Calls at once; the others wait."""
    waiting: int = 1000
    """So that no item of a parallel iteration is turned away."""
    queue_seconds: float = 10.0

    def check_source(self, source: str) -> None:
        """Raises CodeFailed when it is too long."""
        if len(source.encode("utf-8", "replace")) > self.source_bytes:
            raise CodeFailed(f"The code is longer than {self.source_bytes} bytes.")

    def encode(self, inputs: Mapping[str, object]) -> bytes:
        """As JSON. Raises CodeFailed when that is too long or not possible."""
        try:
            body = jsontext.encode(inputs)
        except (TypeError, ValueError) as error:
            raise CodeFailed(f"The inputs cannot be handed to the code: {error}.") from error
        if len(body) > self.input_bytes:
            raise CodeFailed(f"The inputs of the code are larger than {self.input_bytes} bytes.")
        return body


class Places:
    """For calls that run; those that find none wait, if not too many do."""

    def __init__(self, limits: CodeLimits) -> None:
        self._limits = limits
        self._free = asyncio.Semaphore(limits.running)
        self._waiting = 0

    @property
    def waiting(self) -> int:
        return self._waiting

    async def take(self) -> None:
        """Wait for a place. Raises CodeUnavailable when that takes too long."""
        if self._waiting >= self._limits.waiting:
            raise CodeUnavailable("The code sandbox is busy: too many calls wait. Try again later.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.queue_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise CodeUnavailable("The code sandbox is busy. Try again later.") from None
        finally:
            self._waiting -= 1

    def release(self) -> None:
        self._free.release()


def timed_out(seconds: float) -> CodeFailed:
    return CodeFailed(f"The code ran longer than {seconds:g} seconds.", kind="Timeout")
