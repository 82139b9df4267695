"""OpenTelemetry: spans for what takes time, within the trace of whoever asked for it (extra
`otel`). They are told to a collector in batches.

Nothing of what callers, models or pages say is in a span, nor a secret: names, ids, numbers.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Final, cast
from urllib.parse import urlsplit

from opentelemetry import context as current
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphmill import __version__
from graphmill.config.observation import TraceSettings
from graphmill.engine.context import NodeContext
from graphmill.engine.events import RunStatus
from graphmill.engine.fanout import Feed
from graphmill.engine.outcome import Failed, Outcome, Paused
from graphmill.engine.rounds import Rounds
from graphmill.engine.run import Run
from graphmill.engine.usage import Usage
from graphmill.nodes.base import InlineNode, Node, NodePorts, NodeType, WaitingNode
from graphmill.observation.collector import Collector
from graphmill.observation.tracing import Tracing
from graphmill.ports.http import HttpClient, HttpRequest, HttpResponse
from graphmill.ports.models import ChatPiece, ChatRequest, Feature, ModelRef, Models

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_TRACE_HEADERS: Final = frozenset({b"traceparent", b"tracestate"})
_PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
"""Asked every few seconds by those who watch; nobody looks for their traces."""
_LOWEST_FAULT: Final = 500
"""Of HTTP statuses: what is below is the caller's doing."""


class Traces(Tracing):
    def __init__(self, settings: TraceSettings, http: HttpClient, slugs: Mapping[str, str]) -> None:
        """`http` must reach the collector; `slugs`: id of an app → what it is called here."""
        self._slugs = slugs
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(settings.ratio),
            resource=Resource({"service.name": "graphmill", "service.version": __version__}),
            shutdown_on_exit=False,
        )
        collector = Collector(settings, http, asyncio.get_running_loop())
        self._provider.add_span_processor(BatchSpanProcessor(collector))
        self._spans = Spans(self._provider.get_tracer("graphmill", __version__))

    async def close(self) -> None:
        """Tell what is left."""
        # The thread that tells it needs this event loop.
        await asyncio.to_thread(self._provider.shutdown)

    def requests(self, app: ASGIApp, route_of: Callable[[Scope], str]) -> ASGIApp:
        return _TracedRequests(self._spans, app, route_of)

    @asynccontextmanager
    async def run(self, run: Run, feed: Feed) -> AsyncIterator[None]:
        app = self._slugs.get(run.app_id, run.app_id)
        attributes = {"graphmill.app": app, "graphmill.run_id": run.id}
        with self._spans.around(f"run {app}", attributes) as span:
            yield
            _end(span, _status_of(feed), is_failure=_status_of(feed) == RunStatus.FAILED)

    def nodes(self, types: Mapping[str, NodeType]) -> Mapping[str, NodeType]:
        return {
            name: replace(node_type, build=partial(self._build, node_type))
            for name, node_type in types.items()
        }

    def models(self, models: Models) -> Models:
        return _TracedModels(self._spans, models)

    def http(self, client: HttpClient) -> HttpClient:
        return _TracedHttp(self._spans, client)

    def calls(self, client: HttpClient) -> HttpClient:
        return _Propagating(client)

    # What `data` is depends on the node type.
    def _build(self, node_type: NodeType, node_id: str, data: Any, ports: NodePorts) -> Node:
        node = node_type.build(node_id, data, ports)
        about = {"graphmill.node_id": node_id, "graphmill.node_type": node_type.name}
        if iscoroutinefunction(node.run):
            return _TracedWaiting(self._spans, about, cast("WaitingNode", node))
        return _TracedInline(self._spans, about, cast("InlineNode", node))


class Spans:
    """Makes them."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def begin(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: current.Context | None = None,
    ) -> Span:
        """End it. Without a `parent`, it is a part of what is going on."""
        return self._tracer.start_span(name, parent, kind, attributes)

    @contextmanager
    def around(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: current.Context | None = None,
    ) -> Iterator[Span]:
        """What begins within is a part of it."""
        span = self.begin(name, attributes, kind=kind, parent=parent)
        try:
            with _within(span):
                yield span
        except BaseException as error:
            _end(span, type(error).__name__, is_failure=True)
            raise
        finally:
            span.end()


def _status_of(feed: Feed) -> str:
    if feed.end is not None:
        return feed.end.status
    # Another span will see the end.
    return RunStatus.PAUSED if feed.is_paused else "unfinished"


@contextmanager
def _within(span: Span) -> Iterator[None]:
    token = current.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        current.detach(token)


def _end(span: Span, status: str, *, is_failure: bool) -> None:
    span.set_attribute("graphmill.status", status)
    if is_failure:
        span.set_status(StatusCode.ERROR, status)


class _TracedRequests:
    """An ASGI application around another."""

    def __init__(self, spans: Spans, app: ASGIApp, route_of: Callable[[Scope], str]) -> None:
        self._spans = spans
        self._app = app
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        with self._spans.around(
            method,
            {"http.request.method": method},
            kind=SpanKind.SERVER,
            parent=_sent_with(scope["headers"]),
        ) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _answered(span, message["status"])
                await send(message)

            await self._app(scope, receive, watched)
            route = self._route_of(scope)
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)


def _answered(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= _LOWEST_FAULT:
        span.set_status(StatusCode.ERROR)


def _sent_with(headers: Sequence[tuple[bytes, bytes]]) -> current.Context:
    """What a request says that it is a part of."""
    carrier = {
        name.decode(): value.decode("latin-1") for name, value in headers if name in _TRACE_HEADERS
    }
    return _PROPAGATOR.extract(carrier, current.Context())


class _TracedInline:
    """Of a container it is the beginning: its rounds stand beside it."""

    def __init__(self, spans: Spans, about: Mapping[str, str], node: InlineNode) -> None:
        self._spans = spans
        self._about = about
        self._node = node

    def run(self, context: NodeContext) -> Outcome | Rounds:
        with _node_span(self._spans, self._about, context) as span:
            outcome = self._node.run(context)
            _end_node(span, outcome)
            return outcome


class _TracedWaiting:
    """Each attempt has a span."""

    def __init__(self, spans: Spans, about: Mapping[str, str], node: WaitingNode) -> None:
        self._spans = spans
        self._about = about
        self._node = node

    async def run(self, context: NodeContext) -> Outcome | Paused:
        with _node_span(self._spans, self._about, context) as span:
            outcome = await self._node.run(context)
            _end_node(span, outcome)
            return outcome


@contextmanager
def _node_span(spans: Spans, about: Mapping[str, str], context: NodeContext) -> Iterator[Span]:
    attributes = {**about, "graphmill.execution_id": context.execution_id}
    with spans.around(f"node {about['graphmill.node_type']}", attributes) as span:
        yield span


def _end_node(span: Span, outcome: Outcome | Paused | Rounds) -> None:
    match outcome:
        case Failed():
            _end(span, "failed", is_failure=True)
        case Paused():
            _end(span, "paused", is_failure=False)
        case _:
            _end(span, "succeeded", is_failure=False)


class _TracedModels:
    """`ports.Models`. Attributes are those that OpenTelemetry names for generative AI."""

    def __init__(self, spans: Spans, models: Models) -> None:
        self._spans = spans
        self._models = models

    def features(self, model: ModelRef) -> frozenset[Feature]:
        return self._models.features(model)

    def context_size(self, model: ModelRef) -> int | None:
        return self._models.context_size(model)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        with self._call("chat", request.model) as span:
            async with aclosing(self._models.chat(request)) as pieces:
                # The call goes out with the first piece. Whoever reads is not a part of it.
                with _within(span):
                    piece = await anext(pieces, None)
                while piece is not None:
                    if piece.usage is not None:
                        _tell_usage(span, piece.usage)
                    yield piece
                    piece = await anext(pieces, None)

    async def embed(self, model: ModelRef, texts: Sequence[str]) -> tuple[list[list[float]], Usage]:
        with self._call("embeddings", model) as span, _within(span):
            vectors, usage = await self._models.embed(model, texts)
            _tell_usage(span, usage)
            return vectors, usage

    async def rerank(
        self, model: ModelRef, query: str, texts: Sequence[str], *, top: int
    ) -> list[tuple[int, float]]:
        with self._call("rerank", model) as span, _within(span):
            return await self._models.rerank(model, query, texts, top=top)

    @contextmanager
    def _call(self, operation: str, model: ModelRef) -> Iterator[Span]:
        span = self._spans.begin(
            f"{operation} {model.name}",
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": model.provider,
                "gen_ai.request.model": model.name,
            },
            kind=SpanKind.CLIENT,
        )
        try:
            yield span
        except GeneratorExit:
            # Whoever read has left, as `Models.chat` allows.
            raise
        except BaseException as error:
            _end(span, type(error).__name__, is_failure=True)
            raise
        finally:
            span.end()


def _tell_usage(span: Span, usage: Usage) -> None:
    span.set_attribute("gen_ai.usage.input_tokens", usage.prompt_tokens)
    span.set_attribute("gen_ai.usage.output_tokens", usage.completion_tokens)


class _TracedHttp:
    """`ports.HttpClient`: a span for each request, until its body is read."""

    def __init__(self, spans: Spans, client: HttpClient) -> None:
        self._spans = spans
        self._client = _Propagating(client)

    @asynccontextmanager
    async def request(self, request: HttpRequest) -> AsyncIterator[HttpResponse]:
        method = request.method.upper()
        about = {"http.request.method": method, "server.address": _host_of(request.url)}
        with self._spans.around(method, about, kind=SpanKind.CLIENT) as span:
            async with self._client.request(request) as response:
                _answered(span, response.status)
                yield response


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class _Propagating:
    """`ports.HttpClient` whose requests say what they are a part of, unless they say it already."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def request(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpResponse]:
        headers: dict[str, str] = {}
        if not any(name.lower() == "traceparent" for name in request.headers):
            _PROPAGATOR.inject(headers)
        return self._client.request(replace(request, headers={**headers, **request.headers}))
