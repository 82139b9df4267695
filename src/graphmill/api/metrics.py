"""`/metrics`, for a Prometheus that shows the token of the configuration."""

import asyncio
from collections.abc import Sequence
from hmac import compare_digest
from typing import Final

from starlette.types import Receive, Scope, Send

from graphmill.api.answers import BytesAnswer
from graphmill.api.watch import Answered, Told
from graphmill.observation.metrics import Metrics, Reading

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


def counting(metrics: Metrics) -> Told:
    def count(answered: Answered) -> None:
        labels = (answered.method, answered.route, str(answered.status))
        metrics.requests.add(labels, answered.seconds)

    return count


class MetricsPage:
    """An ASGI application."""

    def __init__(self, metrics: Metrics, token: str) -> None:
        self._metrics = metrics
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = dict(scope["headers"]).get(b"authorization", b"")
        if compare_digest(self._expected, shown):
            # Thousands of lines take longer than others may be kept waiting.
            text = await asyncio.to_thread(_write, self._metrics, self._metrics.read_gauges())
            answer = BytesAnswer(text, headers=((b"content-type", CONTENT_TYPE),))
        else:
            answer = BytesAnswer(b"", status=401, headers=((b"www-authenticate", b"Bearer"),))
        await answer(scope, receive, send)


def _write(metrics: Metrics, readings: Sequence[Reading]) -> bytes:
    # Keeps start-up fast, and a server small that nobody asks.
    from graphmill.observation.exposition import exposition  # noqa: PLC0415

    return exposition(metrics, readings)
