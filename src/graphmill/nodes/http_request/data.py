"""What the YAML of an http-request node says.

Dify wants headers, params and authorization even where they are empty; here, left out is empty.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, model_validator

from graphmill.nodes.base import NodeData, Section, SelectorField

_FORMS: Final = frozenset({"form-data", "x-www-form-urlencoded"})

Method = Annotated[
    Literal["get", "post", "put", "patch", "delete", "head", "options"],
    BeforeValidator(lambda raw: raw.lower() if isinstance(raw, str) else raw),
]


class ApiKey(Section):
    type: Literal["basic", "bearer", "custom"]
    api_key: str = ""
    header: str = ""


class Authorization(Section):
    type: Literal["no-auth", "api-key"] = "no-auth"
    config: ApiKey | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_where_it_counts(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        if raw.get("type") != "api-key":
            return {key: value for key, value in raw.items() if key != "config"}
        if not isinstance(raw.get("config"), dict):
            raise ValueError("config should be a dict")
        return raw


class BodyItem(Section):
    key: str = ""
    type: Literal["text", "file"] = "text"
    value: str = ""
    file: SelectorField = ()


class Body(Section):
    type: Literal["none", "form-data", "x-www-form-urlencoded", "raw-text", "json", "binary"] = (
        "none"
    )
    data: tuple[BodyItem, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_old_text(cls, raw: Any) -> Any:
        """Old files have one text for all items."""
        if not isinstance(raw, dict) or not isinstance(raw.get("data"), str):
            return raw
        text = raw["data"]
        if raw.get("type") in _FORMS:
            items = [{"key": key, "value": value} for key, value in key_value_lines(text)]
        else:
            items = [{"value": text}] if text else []
        return {**raw, "data": items}


class TimeoutSeconds(Section):
    """Zero stands for the server's default."""

    connect: float = 0
    read: float = 0
    write: float = 0


class HttpRequestData(NodeData):
    method: Method
    url: str
    authorization: Authorization = Authorization()
    headers: str = ""
    params: str = ""
    body: Body = Body()
    timeout: TimeoutSeconds = TimeoutSeconds()
    ssl_verify: bool = True


def key_value_lines(text: str) -> Iterator[tuple[str, str]]:
    """`key: value` for each line; a line without colon has an empty value."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip():
            yield key.strip(), value.strip()
