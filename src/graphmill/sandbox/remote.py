"""Code execution by a dify-sandbox service, over its own protocol.

The service runs a program and gives back what it printed, so each language gets a few lines that
call `main` and print the result between two tags. The tags are random: code cannot guess them.
"""

import asyncio
import json
import random
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphmill import jsontext
from graphmill.errors import CodeFailed, CodeUnavailable, OutboundRefused
from graphmill.ports.code import CodeResult
from graphmill.ports.http import HttpClient, HttpRequest, Timeouts
from graphmill.sandbox.answers import FRAME_BYTES, check_depth
from graphmill.variables.values import Value

TIMEOUTS: Final = Timeouts(connect=10.0, read=60.0, write=10.0)
ATTEMPTS: Final = 3
"""Times that a call is offered to a service that has no room."""
PAUSE_SECONDS: Final = 0.2

_BUSY: Final = 503
_PROGRAMS: Final = {
    "python3": """{source}

import json
from base64 import b64decode
_inputs = json.loads(b64decode("{inputs}").decode())
print("\\n{tag}" + json.dumps(main(**_inputs)) + "{tag}")
""",
    "javascript": """{source}
;Promise.resolve(main(JSON.parse(Buffer.from("{inputs}", "base64").toString("utf-8"))))
  .then(result => console.log("\\n{tag}" + JSON.stringify(result) + "{tag}"))
""",
    "jinja2": """import json
import jinja2
from base64 import b64decode
_template = jinja2.Template(b64decode("{source}").decode())
_inputs = json.loads(b64decode("{inputs}").decode())
print("\\n{tag}" + json.dumps({{"result": _template.render(**_inputs)}}) + "{tag}")
""",
}
_INTERPRETERS: Final = {"python3": "python3", "javascript": "nodejs", "jinja2": "python3"}


@dataclass(frozen=True, slots=True)
class DifySandbox:
    """`ports.CodeRunner` over the service at `endpoint`, for example http://sandbox:8194."""

    endpoint: str
    api_key: str
    http: HttpClient
    """Must let requests through to the endpoint: it is the operator's, and mostly not public."""
    verify_tls: bool = True
    timeouts: Timeouts = TIMEOUTS

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        tag = f"<<{secrets.token_hex(16)}>>"
        request = self._request(language, _program(language, source, inputs, tag))
        for attempt in range(ATTEMPTS):
            status, body = await self._send(request)
            if status != _BUSY:
                return _read_answer(status, body, tag)
            # Many calls that were refused together must not come back together.
            await asyncio.sleep(PAUSE_SECONDS * (attempt + random.random()))
        raise CodeUnavailable("The dify-sandbox has no room for more code. Try again later.")

    def _request(self, language: str, program: str) -> HttpRequest:
        body = jsontext.encode({
            "language": _INTERPRETERS[language],
            "code": program,
            "preload": "",
            "enable_network": True,
        })  # fmt: skip
        return HttpRequest(
            "POST",
            f"{self.endpoint.rstrip('/')}/v1/sandbox/run",
            headers={"X-Api-Key": self.api_key, "Content-Type": "application/json"},
            body=(body,),
            timeouts=self.timeouts,
            verify_tls=self.verify_tls,
            credential_headers=frozenset({"x-api-key"}),
        )

    async def _send(self, request: HttpRequest) -> tuple[int, bytes]:
        try:
            async with self.http.request(request) as response:
                return response.status, await response.read(limit=FRAME_BYTES)
        except (OSError, OutboundRefused) as error:
            raise CodeUnavailable(
                "Failed to execute code, which is likely a network issue, please check if the "
                f"sandbox service is running. ( Error: {error} )"
            ) from error


def _program(language: str, source: str, inputs: Mapping[str, Value], tag: str) -> str:
    try:
        encoded = b64encode(jsontext.encode(inputs)).decode()
    except (TypeError, ValueError) as error:
        raise CodeFailed(f"The inputs cannot be handed to the code: {error}.") from error
    if language == "jinja2":
        source = b64encode(source.encode("utf-8", "replace")).decode()
    return _PROGRAMS[language].format(source=source, inputs=encoded, tag=tag)


def _read_answer(status: int, body: bytes, tag: str) -> CodeResult:
    """The service answers 200 even when it refuses; the texts are Dify's (`nodes §8`)."""
    if status == 401:
        raise CodeUnavailable("The dify-sandbox refuses the API key (CODE_EXECUTION_API_KEY).")
    if status != 200:
        raise CodeUnavailable(
            f"Failed to execute code, got status code {status}, please check if the sandbox "
            "service is running"
        )
    if len(body) > FRAME_BYTES:
        raise CodeFailed(f"The result of the code is larger than {FRAME_BYTES} bytes.")
    try:
        envelope = jsontext.decode(body)
    except ValueError:
        envelope = None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("code"), int):
        raise CodeUnavailable("The dify-sandbox gave an answer that cannot be read.")
    if envelope["code"] != 0:
        raise CodeUnavailable(
            f"Got error code: {envelope['code']}. Got error msg: {envelope.get('message')}"
        )
    data = envelope.get("data")
    return _read_output(data if isinstance(data, dict) else {}, tag)


def _read_output(data: Mapping[str, Value], tag: str) -> CodeResult:
    output = _text(data.get("stdout"))
    # Older services put everything from standard error into `error`.
    errors = _text(data.get("stderr")) or _text(data.get("error"))
    printed, found, rest = output.partition(tag)
    result, closed, more = rest.partition(tag)
    printed = printed.removesuffix("\n")
    if not found or not closed:
        missing = f"no result tag found in response. Response: {output[:200]}..."
        raise CodeFailed(errors or f"Failed to parse result: {missing}", output=printed)
    try:
        value = json.loads(result, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CodeFailed(f"Failed to parse JSON response: {error}.", output=printed) from None
    check_depth(value, result.count("[") + result.count("{"))
    return CodeResult(value, printed + more.strip("\n"), errors)


def _refuse_constant(name: str) -> Value:
    raise ValueError(f"Out of range float values are not JSON compliant: {name}")


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
