"""What a node does about its failures: retries and error strategies (`workflow-dsl §10.2, §10.3`).

The same for all node types, so it is read from `data` apart from the rest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from graphmill.dsl.model import NodeDefinition, Problem
from graphmill.dsl.problems import node_problem, shown
from graphmill.engine.graph import ErrorStrategy
from graphmill.engine.retry import RetryPolicy
from graphmill.errors import WorkflowInvalid
from graphmill.nodes.base import Section
from graphmill.nodes.validation import read_data
from graphmill.variables.values import Value

_Kind: TypeAlias = type | tuple[type, ...]

_ELEMENTS: Final[Mapping[str, tuple[_Kind, str]]] = {
    "array[string]": (str, "str"),
    "array[number]": ((int, float), "number"),
    "array[object]": (dict, "dict"),
}
"""By type of list: what its elements must be, and how messages call that."""


class RetryData(Section):
    retry_enabled: bool = False
    max_retries: int = 0
    retry_interval: int = 0
    """Milliseconds."""


class DefaultValueData(Section):
    key: str
    type: str
    value: Any = None


class RecourseData(Section):
    error_strategy: ErrorStrategy | None = None
    default_value: tuple[DefaultValueData, ...] = ()
    retry_config: RetryData = RetryData()


@dataclass(frozen=True, slots=True)
class Recourse:
    strategy: ErrorStrategy | None
    defaults: dict[str, Value] | None
    """Outputs of the `default-value` strategy; None with any other."""
    retry: RetryPolicy | None
    """None when retrying is not enabled. No retries left is not the same: http-request calls an
    answer with an error status a failure then."""


def read_recourse(node: NodeDefinition) -> Recourse:
    """Default values are judged even if no strategy uses them, as in Dify.

    Raises WorkflowInvalid."""
    data = read_data(node, RecourseData)
    defaults: dict[str, Value] = {}
    problems: list[Problem] = []
    for index, item in enumerate(data.default_value):
        try:
            defaults[item.key] = default_value(item.type, item.value)
        except ValueError as error:
            path = ("default_value", index, "value")
            problems.append(node_problem(node, "invalid-default-value", str(error), path))
    if problems:
        raise WorkflowInvalid(problems)
    retry = data.retry_config
    return Recourse(
        data.error_strategy,
        defaults if data.error_strategy is ErrorStrategy.DEFAULT_VALUE else None,
        RetryPolicy(max(0, retry.max_retries), max(0, retry.retry_interval) / 1000)
        if retry.retry_enabled
        else None,
    )


def default_value(value_type: str, value: Value) -> Value:
    """`value` as its type demands; text stands for numbers and JSON. Raises ValueError."""
    match value_type:
        case "string":
            return _require(value, str, "str")
        case "number":
            return _require(_to_number(value), (int, float), "number")
        case "object":
            return _require(_from_json(value), dict, "dict")
        case "array[string]" | "array[number]" | "array[object]":
            return _require_elements(_from_json(value), *_ELEMENTS[value_type])
        case "array[file]":
            return value
        case _:
            raise ValueError(f"Unsupported type: {value_type}")


def _require(value: Value, kind: _Kind, name: str) -> Value:
    if not isinstance(value, kind):
        raise ValueError(f"Value must be {name} type for {shown(value)}")
    return value


def _require_elements(items: Value, kind: _Kind, name: str) -> Value:
    if not isinstance(items, list):
        raise ValueError(f"Value must be list type for {shown(items)}")
    if not all(isinstance(item, kind) for item in items):
        raise ValueError(f"All elements must be {name} for {shown(items)}")
    return items


def _to_number(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"Cannot convert to number: {shown(value)}") from None


def _from_json(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        parsed: Value = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f"Invalid JSON format for value: {shown(value)}") from None
    return parsed
