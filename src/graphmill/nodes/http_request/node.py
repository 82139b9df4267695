"""Runs the node: prepare the request, send it, judge the answer."""

from typing import Final

from graphmill import media_types
from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.run import Run
from graphmill.errors import OutboundRefused
from graphmill.ids import new_id
from graphmill.nodes.base import NodePorts, NodeType
from graphmill.nodes.http_request.body import RequestInvalid
from graphmill.nodes.http_request.data import HttpRequestData
from graphmill.nodes.http_request.request import Prepared, RequestPlan
from graphmill.nodes.http_request.response import Received, ResponseTooLarge, receive
from graphmill.ports.files import FileVault
from graphmill.ports.http import HttpClient, HttpLimits
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value

_ALWAYS_FAILURES: Final = frozenset({429, 500, 502, 503, 504})
"""Dify's way out to the network tries these again and then gives up; flows rely on that."""


class HttpRequestNode:
    def __init__(
        self, plan: RequestPlan, http: HttpClient, files: FileVault, limits: HttpLimits
    ) -> None:
        self._plan = plan
        self._http = http
        self._files = files
        self._limits = limits

    async def run(self, context: NodeContext) -> Outcome:
        pool = context.pool
        try:
            prepared = await self._plan.prepare(pool, self._files)
        except RequestInvalid as error:
            return Failed(str(error), error.kind)
        record: dict[str, Value] = {"request": prepared.record}
        try:
            received = await self._send(prepared)
        except _Failure as failure:
            return Failed(str(failure), failure.kind, process_data=record)
        outputs = await self._outputs(received, context.run)
        if context.has_recourse and not 200 <= received.status < 300:
            return Failed(
                f"Request failed with status code {received.status}",
                "HTTPResponseCodeError",
                process_data=record,
                outputs=outputs,
            )
        return Succeeded(outputs, process_data=record)

    async def _send(self, prepared: Prepared) -> Received:
        """The answer, unless it is a failure in any case."""
        request = prepared.request
        if request.method == "OPTIONS":
            # The editor offers it and Dify refuses it (`nodes §10`).
            raise _Failure("Invalid http method options", "InvalidHttpMethodError")
        try:
            async with self._http.request(request) as response:
                if response.status in _ALWAYS_FAILURES:
                    raise _Failure(
                        f"Request to {request.url} failed with status code {response.status}"
                    )
                return await receive(response, self._limits)
        except ResponseTooLarge as error:
            raise _Failure(str(error), "ResponseSizeError") from error
        except (OutboundRefused, ConnectionError, TimeoutError, ValueError) as error:
            raise _Failure(str(error)) from error

    async def _outputs(self, received: Received, run: Run) -> dict[str, Value]:
        body = ""
        files: list[Value] = []
        if not received.is_file:
            body = await received.text()
        elif received.content:
            mime_type = received.mime_type
            extension = media_types.extension_of(None, mime_type) or ".bin"
            filename = new_id().replace("-", "") + extension
            files.append(
                await self._files.save(
                    received.content, filename=filename, mime_type=mime_type, run=run
                )
            )
        return {
            "status_code": received.status,
            "body": body,
            "headers": {**received.headers},
            "files": files,
        }


class _Failure(Exception):
    """The request could be built, and there is no answer to go on with."""

    def __init__(self, message: str, kind: str = "HttpRequestNodeError") -> None:
        super().__init__(message)
        self.kind = kind


def _build(node_id: str, data: HttpRequestData, ports: NodePorts) -> HttpRequestNode:
    plan = RequestPlan(data, ports.http_limits)
    return HttpRequestNode(plan, ports.http, ports.files, ports.http_limits)


def _output_names(data: HttpRequestData) -> frozenset[str]:
    return frozenset({"status_code", "body", "headers", "files"})


def _reads(data: HttpRequestData) -> tuple[Selector, ...]:
    return RequestPlan(data, HttpLimits()).selectors


HTTP_REQUEST: Final = NodeType(
    "http-request",
    HttpRequestData,
    _build,
    retries=True,
    output_names=_output_names,
    reads=_reads,
)
