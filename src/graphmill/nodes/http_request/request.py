"""The request of an http-request node: put together from templates, and its record for the logs."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

from graphmill.nodes.http_request.body import Body, BodyPlan, RequestInvalid
from graphmill.nodes.http_request.data import ApiKey, HttpRequestData, key_value_lines
from graphmill.ports.files import FileVault
from graphmill.ports.http import HttpLimits, HttpRequest, Timeouts
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template

_CONTENT_TYPE: Final = "content-type"


@dataclass(frozen=True, slots=True)
class Prepared:
    request: HttpRequest
    record: str
    """The request as text for the logs, still with the secrets of the environment in it."""


class RequestPlan:
    """A node's request, prepared as far as that goes without values."""

    def __init__(self, data: HttpRequestData, limits: HttpLimits) -> None:
        self._method = data.method.upper()
        self._url = Template.parse(data.url)
        self._params = [
            (Template.parse(key), Template.parse(value))
            for key, value in key_value_lines(data.params)
        ]
        self._headers = Template.parse(data.headers)
        self._authorization = data.authorization.config
        self._api_key = Template.parse(self._authorization.api_key if self._authorization else "")
        self._body = BodyPlan(data.body)
        self._timeouts = Timeouts(
            data.timeout.connect or limits.timeouts.connect,
            data.timeout.read or limits.timeouts.read,
            data.timeout.write or limits.timeouts.write,
        )
        self._verify_tls = data.ssl_verify

    @property
    def selectors(self) -> tuple[Selector, ...]:
        params = [template for pair in self._params for template in pair]
        templates = [self._url, *params, self._headers, self._api_key]
        own = [selector for template in templates for selector in template.selectors]
        return (*own, *self._body.selectors)

    async def prepare(self, pool: Pool, vault: FileVault) -> Prepared:
        """Raises RequestInvalid."""
        credentials = self._credentials(pool)
        url = self._url.render(pool).strip()
        address = _address(url)
        params = [(key.render(pool), value.render(pool)) for key, value in self._params]
        # By lower-case name; a later header takes the place of an earlier one.
        headers = {
            name.lower(): (name, value)
            for name, value in key_value_lines(self._headers.render(pool))
        }
        if credentials is not None:
            headers[credentials[0].lower()] = credentials
        body = await self._body.fill(pool, vault)
        if body.fixes_content_type:
            headers.pop(_CONTENT_TYPE, None)
        if body.content_type is not None:
            headers.setdefault(_CONTENT_TYPE, ("Content-Type", body.content_type))
        secret = frozenset({credentials[0].lower()}) if credentials is not None else frozenset()
        request = HttpRequest(
            self._method,
            url,
            params,
            dict(headers.values()),
            body.pieces,
            self._timeouts,
            self._verify_tls,
            credential_headers=secret,
        )
        return Prepared(request, _record(request, address, body))

    def _credentials(self, pool: Pool) -> tuple[str, str] | None:
        """The header that the authorization stands for."""
        if self._authorization is None:
            return None
        key = self._api_key.render(pool)
        if not key.strip():
            raise RequestInvalid(
                "API key is required for authorization but was empty. "
                "Please provide a valid API key.",
                "AuthorizationConfigError",
            )
        return self._authorization.header or "Authorization", _credential(self._authorization, key)


def _credential(authorization: ApiKey, key: str) -> str:
    match authorization.type:
        case "bearer":
            return f"Bearer {key}"
        case "basic":
            # Without a colon it is the encoded pair already.
            return f"Basic {b64encode(key.encode()).decode() if ':' in key else key}"
        case "custom":
            return key


def _address(url: str) -> SplitResult:
    if not url:
        raise RequestInvalid("url is required", "InvalidURLError")
    if not url.startswith(("http://", "https://")):
        raise RequestInvalid("url should start with http:// or https://", "InvalidURLError")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise RequestInvalid(f"url is invalid: {error}", "InvalidURLError") from None


def _record(request: HttpRequest, address: SplitResult, body: Body) -> str:
    """The request as text, in the form that Dify records it: nothing is encoded but queries, and
    the length is that of the text."""
    query = urlencode(request.params, errors="replace") or address.query
    path = (address.path or "/") + (f"?{query}" if query else "")
    lines = [f"{request.method} {path} HTTP/1.1", f"Host: {address.netloc.rpartition('@')[2]}"]
    lines += _recorded_headers(request)
    if body.record:
        lines.append(f"Content-Length: {len(body.record)}")
    return "\r\n".join([*lines, "", body.record])


def _recorded_headers(request: HttpRequest) -> Iterable[str]:
    for name, value in request.headers.items():
        hidden = name.lower() in request.credential_headers
        yield f"{name}: {'*' * len(value) if hidden else value}"
