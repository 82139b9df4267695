"""The schema of a `json_object` variable (`nodes §1`). Import it where one is used: it is heavy."""

import json
from collections.abc import Callable
from typing import Any

from jsonschema import Draft7Validator, SchemaError
from jsonschema.exceptions import best_match

from graphmill.nodes.bounded_schemas import bounded_validator
from graphmill.variables.values import Value


def object_check(name: str, schema: object, *, required: bool) -> Callable[[Value], None]:
    """A check that raises ValueError, with Dify's texts, for values of the variable `name`.

    Raises ValueError itself when `schema`, a mapping or its JSON text, is no schema."""
    mapping = _read(schema)
    try:
        Draft7Validator.check_schema(mapping)
    except SchemaError as error:
        raise ValueError(f"Invalid JSON schema: {error.message}") from error
    validator = bounded_validator(mapping)

    def check(value: Value) -> None:
        if value is None and required:
            raise ValueError(f"{name} is required in input form")
        if not value:
            return
        if not isinstance(value, dict):
            raise ValueError(f"JSON object for '{name}' must be an object")
        try:
            error = best_match(validator.iter_errors(value))
        except RecursionError:
            raise ValueError(f"The schema of '{name}' leads back to itself without end") from None
        if error is not None:
            raise ValueError(f"JSON object for '{name}' does not match schema: {error.message}")

    return check


def _read(schema: object) -> dict[str, Any]:
    try:
        read = json.loads(schema) if isinstance(schema, str) else schema
    except ValueError as error:
        raise ValueError(f"json_schema is not valid JSON: {error}") from error
    if not isinstance(read, dict):
        raise ValueError(f"json_schema must be a JSON object, got {type(read).__name__}")
    return read
