"""An OpenAPI 3 document as tools: one an operation, named by its `operationId` as in Dify."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphmill.dsl.model import Severity
from graphmill.dsl.reader import read_document
from graphmill.ports.tools import Parameter
from graphmill.tools.schemas import parameter_of, parameters_of

METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options")
BODY: Final = "body"
"""The parameter that holds a body which is no object."""
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

_MAX_REFERENCES: Final = 32


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    path: str
    """With `{name}` for each path parameter."""
    description: str
    parameters: tuple[Parameter, ...]
    places: Mapping[str, str]
    """Parameter → `path`, `query`, `header`, `cookie` or `body`."""
    body_type: str | None
    """Content-Type of the body; None when there is none."""
    body_is_whole: bool = False
    """Is the body the value of the one parameter `body`, rather than an object of several?"""


@dataclass(frozen=True, slots=True)
class Api:
    url: str | None
    """Of the first server that the document names."""
    operations: Mapping[str, Operation]


def read_api(content: bytes) -> Api:
    """Raises ValueError saying what is wrong with the document."""
    read = read_document(content)
    for problem in read.problems:
        if problem.severity is Severity.ERROR:
            raise ValueError(problem.message)
    if not isinstance(read.data, dict) or not isinstance(read.data.get("paths"), dict):
        raise ValueError("it is no OpenAPI document: it has no `paths`")
    document = _Document(read.data)
    operations = {operation.name: operation for operation in document.operations()}
    if not operations:
        raise ValueError("it has no operations")
    servers = document.items(read.data.get("servers"))
    return Api(next((str(each["url"]) for each in servers if "url" in each), None), operations)


class _Document:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def operations(self) -> Iterator[Operation]:
        for path, item in self._data["paths"].items():
            resolved = self.mapping(item)
            for method in METHODS:
                if isinstance(resolved.get(method), dict):
                    shared = self.items(resolved.get("parameters"))
                    yield self._operation(str(path), method, resolved[method], shared)

    def _operation(
        self, path: str, method: str, data: Mapping[str, Any], shared: list[Mapping[str, Any]]
    ) -> Operation:
        found: dict[str, tuple[str, Parameter]] = {}
        for each in (*self.items(data.get("parameters")), *shared):
            place, name = str(each.get("in", "query")), str(each.get("name", ""))
            required = bool(each.get("required")) or place == "path"
            schema = self.mapping(each.get("schema"))
            text = str(each.get("description") or "")
            parameter = parameter_of(name, self._plain(schema), text, required=required)
            found.setdefault(name, (place, parameter))
        body = self.mapping(data.get("requestBody"))
        body_type, is_whole, parameters = self._body(body) if body else (None, False, ())
        for parameter in parameters:
            found.setdefault(parameter.name, ("body", parameter))
        description = data.get("description") or data.get("summary") or f"{method.upper()} {path}"
        return Operation(
            str(data.get("operationId") or _name_of(path, method)),
            method.upper(),
            path,
            str(description),
            tuple(parameter for _, parameter in found.values()),
            {name: place for name, (place, _) in found.items()},
            body_type,
            is_whole,
        )

    def _body(self, body: Mapping[str, Any]) -> tuple[str, bool, tuple[Parameter, ...]]:
        """Content-Type, is it one value, and the parameters that it consists of."""
        content = self.mapping(body.get("content"))
        kind = next((each for each in (JSON, FORM) if each in content), None)
        kind = kind or next(iter(content), JSON)
        schema = self.mapping(self.mapping(content.get(kind)).get("schema"))
        properties = self.mapping(schema.get("properties"))
        if kind not in (JSON, FORM) or not properties:
            text = str(body.get("description") or "The body of the request.")
            required = bool(body.get("required"))
            return kind, True, (parameter_of(BODY, self._plain(schema), text, required=required),)
        plain = {str(name): self._plain(each) for name, each in properties.items()}
        return kind, False, parameters_of(plain, schema.get("required") or ())

    def mapping(self, value: object) -> Mapping[str, Any]:
        """`value` with its `$ref` followed; empty for what is no mapping.

        Raises ValueError for a reference that leads nowhere, or out of the document."""
        for _ in range(_MAX_REFERENCES):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self._at(reference)
        raise ValueError("its references lead in a circle")

    def items(self, value: object) -> list[Mapping[str, Any]]:
        return [self.mapping(each) for each in value] if isinstance(value, list) else []

    def _at(self, reference: str) -> object:
        found: object = self._data
        if not reference.startswith("#/"):
            raise ValueError(f"the reference {reference!r} leads out of the document")
        for step in reference[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise ValueError(f"the reference {reference!r} leads nowhere")
            found = found[key]
        return found

    def _plain(self, schema: Mapping[str, Any], depth: int = 8) -> dict[str, Any]:
        """`schema` without references, as far as a model needs to know."""
        if depth == 0:
            return {}
        plain: dict[str, Any] = {}
        for key, value in self.mapping(schema).items():
            if key == "properties" and isinstance(value, dict):
                plain[key] = {name: self._plain(each, depth - 1) for name, each in value.items()}
            elif key in ("items", "additionalProperties") and isinstance(value, dict):
                plain[key] = self._plain(value, depth - 1)
            elif key in ("allOf", "anyOf", "oneOf") and isinstance(value, list):
                plain[key] = [self._plain(each, depth - 1) for each in value]
            else:
                plain[key] = value
        return plain


def _name_of(path: str, method: str) -> str:
    """What Dify calls an operation without id."""
    return f"{re.sub(r'[^a-zA-Z0-9_-]', '', path)}_{method}"
