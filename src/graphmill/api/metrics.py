"""`/metrics`, for a Prometheus that shows the token of the configuration."""

import asyncio
from hmac import compare_digest
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from graphmill.api.answers import BytesAnswer
from graphmill.api.watch import Answered, Told
from graphmill.observation.metrics import Metrics

if TYPE_CHECKING:
    from graphmill.observation.exposition import Exposition


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
        self._exposition: Exposition | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = dict(scope["headers"]).get(b"authorization", b"")
        if compare_digest(self._expected, shown):
            answer = await self._page()
        else:
            answer = BytesAnswer(b"", status=401, headers=((b"www-authenticate", b"Bearer"),))
        await answer(scope, receive, send)

    async def _page(self) -> BytesAnswer:
        if self._exposition is None:
            self._exposition = await asyncio.to_thread(_open, self._metrics)
        content_type = (b"content-type", self._exposition.content_type)
        return BytesAnswer(self._exposition.text(), headers=(content_type,))


def _open(metrics: Metrics) -> "Exposition":
    # Keeps start-up fast, and a server small that nobody asks.
    from graphmill.observation.exposition import Exposition  # noqa: PLC0415

    return Exposition(metrics)
