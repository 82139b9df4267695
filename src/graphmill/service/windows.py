"""How often something happened lately: limits over a sliding window."""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

KEYS: Final = 20_000
"""Counters that are kept; whoever could make any number of them could fill the memory."""


class Window:
    """At most `count` times in `seconds`, for each key. What is refused is not counted."""

    def __init__(
        self, count: int, seconds: float, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._count = count
        self._seconds = seconds
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def __len__(self) -> int:
        """How many keys are counted."""
        return len(self._times)

    def take(self, key: str) -> float:
        """Count one more, and give 0; when there are too many, the seconds until one is free."""
        wait = self.wait(key)
        if not wait:
            self._times.setdefault(key, deque()).append(self._clock())
        return wait

    def wait(self, key: str) -> float:
        """The seconds until one is free; 0 when one is."""
        times = self._times.get(key)
        if times is None:
            self._prune()
            return 0.0
        now = self._clock()
        while times and times[0] <= now - self._seconds:
            times.popleft()
        return times[0] + self._seconds - now if len(times) >= self._count else 0.0

    def _prune(self) -> None:
        """Forget counters that ran out; while there are too many others, those that came first."""
        if len(self._times) <= KEYS:
            return
        since = self._clock() - self._seconds
        kept = [(key, times) for key, times in self._times.items() if times and times[-1] > since]
        # Half of them, so that this is rare.
        self._times = dict(kept[-KEYS // 2 :])
