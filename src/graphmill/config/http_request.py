"""`http_request`: what workflows may call, and how long that may take."""

from pydantic import PositiveFloat, PositiveInt

from graphmill.config.section import Section


class HttpTimeouts(Section):
    connect: PositiveFloat = 10
    read: PositiveFloat = 60
    write: PositiveFloat = 20


class ResponseSizes(Section):
    text: PositiveInt = 1024 * 1024
    binary: PositiveInt = 10 * 1024 * 1024


class HttpRequestSettings(Section):
    allow: tuple[str, ...] = ()
    timeout_seconds: HttpTimeouts = HttpTimeouts()
    max_response_bytes: ResponseSizes = ResponseSizes()
