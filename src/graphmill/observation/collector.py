"""Where spans go: a collector that takes OTLP over HTTP, reached as everything else is, through
`ports.http`."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from graphmill.config.observation import TraceSettings
from graphmill.errors import OutboundRefused
from graphmill.ports.http import HttpClient, HttpRequest

SECONDS: Final = 10.0
"""For one batch. What cannot be told in time is lost: nobody waits for spans."""
_ANSWER_BYTES: Final = 4096

logger = logging.getLogger(__name__)


class Collector(SpanExporter):
    """Called in the thread of a `BatchSpanProcessor`; requests are made in `loop`."""

    def __init__(
        self, settings: TraceSettings, http: HttpClient, loop: asyncio.AbstractEventLoop
    ) -> None:
        assert settings.endpoint is not None, "without a collector there are no traces"
        self._endpoint = settings.endpoint
        self._headers = {
            "Content-Type": "application/x-protobuf",
            **{name: value.get_secret_value() for name, value in settings.headers.items()},
        }
        self._http = http
        self._loop = loop

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = encode_spans(spans).SerializeToString()
        told = asyncio.run_coroutine_threadsafe(self._tell(body), self._loop).result()
        if not told:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    async def _tell(self, body: bytes) -> bool:
        request = HttpRequest("POST", self._endpoint, headers=self._headers, body=(body,))
        try:
            async with asyncio.timeout(SECONDS), self._http.request(request) as response:
                if response.status < 300:
                    return True
                said = await response.read(limit=_ANSWER_BYTES)
        except (OutboundRefused, ConnectionError, TimeoutError, ValueError) as error:
            logger.warning("Spans are lost: %s", error or "the collector does not answer")
        else:
            text = said.decode("utf-8", "replace")
            logger.warning("Spans are lost: the collector answers %d %s", response.status, text)
        return False
