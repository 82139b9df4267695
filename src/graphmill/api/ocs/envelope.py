"""The OCS envelope, in both versions and both formats (`nextcloud-ocs §2`)."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from graphmill.api.answers import BytesAnswer, HeaderPairs
from graphmill.api.ocs.errors import NOT_LOGGED_IN, OcsError, PlainError
from graphmill.api.ocs.xml import document
from graphmill.ids import new_id
from graphmill.jsontext import encode

OcsVersion: TypeAlias = Literal[1, 2]

JSON: Final = b"application/json; charset=utf-8"
XML: Final = b"application/xml; charset=utf-8"

_HEADERS: Final = (
    (b"cache-control", b"no-cache, no-store, must-revalidate"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_KEPT_IN_V1: Final = frozenset({413, 429, 503})
"""HTTP statuses that version 1 shows, too; everything else is 200 there."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answers with."""

    data: Any
    status: int = 200
    headers: HeaderPairs = ()


@dataclass(frozen=True, slots=True)
class Form:
    """How a request wants to be answered."""

    version: OcsVersion
    is_json: bool


def wants_json(parameter: Any, accept: str) -> bool:
    """The parameter `format` decides, else the first part of `Accept` that is just one of the two
    (`§1.4`); parameters such as `;q=0.9` are not looked at."""
    if parameter is not None:
        return bool(parameter == "json")
    for part in accept.split(","):
        name = part.strip().lower().removeprefix("application/")
        if name in ("json", "xml"):
            return name == "json"
    return False


def enveloped(reply: Reply, form: Form) -> BytesAnswer:
    if form.version == 2 and reply.status in (204, 304):
        return BytesAnswer(b"", status=reply.status, headers=reply.headers)
    code = 100 if form.version == 1 and reply.status == 200 else reply.status
    return _answer(code, "OK", reply.data, form, reply.status, reply.headers)


def error_answer(error: OcsError, form: Form) -> BytesAnswer:
    return _answer(error.code, error.message, error.data, form, error.status, error.headers)


def plain_answer(error: PlainError) -> BytesAnswer:
    """Without an envelope (`§2.6`)."""
    if error.message is None:
        return BytesAnswer(b"", status=error.status)
    body = encode({"message": error.message})
    return BytesAnswer(body, status=error.status, headers=((b"content-type", JSON),))


def _answer(
    code: int, message: str, data: Any, form: Form, status: int, headers: HeaderPairs
) -> BytesAnswer:
    is_ok = code == 100 if form.version == 1 else 200 <= code < 300
    meta: dict[str, Any] = {
        "status": "ok" if is_ok else "failure",
        "statuscode": code,
        "message": message,
    }
    if form.version == 1:
        meta |= {"totalitems": "", "itemsperpage": ""}
        status = status if code == NOT_LOGGED_IN or status in _KEPT_IN_V1 else 200
    content = {"ocs": {"meta": meta, "data": data}}
    return BytesAnswer(
        encode(content) if form.is_json else document(content),
        status=status,
        headers=(
            (b"content-type", JSON if form.is_json else XML),
            (b"x-request-id", new_id().encode()),
            *_HEADERS,
            *headers,
        ),
    )
