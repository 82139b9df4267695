"""How many requests a minute there may be: with one API key, and with all of them together."""

from typing import Final

from graphmill.config.limits import LimitSettings
from graphmill.errors import TooManyRequests
from graphmill.service.windows import Window

SECONDS: Final = 60.0
_ALL: Final = ""
"""In place of a key."""


class Rates:
    def __init__(self, limits: LimitSettings) -> None:
        self._per_key = _window(limits.requests_per_minute)
        self._all = _window(limits.all_requests_per_minute)
        self._limits = limits

    def require(self, key: str) -> None:
        """Count a request with `key`. Raises TooManyRequests when there are too many, and counts
        nothing."""
        if self._all is not None and (wait := self._all.wait(_ALL)):
            raise _refusal(self._limits.all_requests_per_minute, wait)
        if self._per_key is not None and (wait := self._per_key.take(key)):
            raise _refusal(self._limits.requests_per_minute, wait)
        if self._all is not None:
            self._all.take(_ALL)


def _window(count: int) -> Window | None:
    """None: any number."""
    return Window(count, SECONDS) if count else None


def _refusal(count: int, wait: float) -> TooManyRequests:
    return TooManyRequests(
        f"Too many requests. Please try again later. The current maximum is {count} requests a "
        "minute.",
        retry_seconds=wait,
    )
