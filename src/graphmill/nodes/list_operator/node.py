"""list-operator: filter, pick, sort and shorten a list, in this order (`nodes §18`)."""

from enum import StrEnum
from typing import Any, Final

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.nodes.list_operator.filters import (
    FILE_KEYS,
    Filter,
    FilterCondition,
    ListRefused,
    file_key,
)
from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value, type_of

LIST_TYPES: Final = ("array[string]", "array[number]", "array[boolean]", "array[file]")


class FilterBy(Section):
    enabled: bool = False
    conditions: tuple[FilterCondition, ...] = ()


class ExtractBy(Section):
    enabled: bool = False
    serial: str = "1"
    """A template; the first element is 1."""


class Direction(StrEnum):
    ASCENDING = "asc"
    DESCENDING = "desc"


class OrderBy(Section):
    enabled: bool = False
    key: str = ""
    value: Direction = Direction.ASCENDING


class Limit(Section):
    enabled: bool = False
    size: int = -1


class ListOperatorData(NodeData):
    variable: SelectorField = ()
    filter_by: FilterBy
    extract_by: ExtractBy = ExtractBy()
    order_by: OrderBy
    limit: Limit


class ListOperator:
    def __init__(self, data: ListOperatorData) -> None:
        self._variable = data.variable
        self._filters = (
            tuple(Filter(each) for each in data.filter_by.conditions)
            if data.filter_by.enabled
            else ()
        )
        self._serial = Template.parse(data.extract_by.serial) if data.extract_by.enabled else None
        self._order = data.order_by if data.order_by.enabled else None
        self._limit = data.limit.size if data.limit.enabled else None

    def run(self, context: NodeContext) -> Outcome:
        value = context.pool.find(self._variable)
        if isinstance(value, Missing):
            return Failed(f"Variable not found for selector: {list(self._variable)}")
        if not value:
            return _succeeded([], [])
        kind = type_of(value)
        if not isinstance(value, list) or kind not in LIST_TYPES:
            selector = list(self._variable)
            return Failed(f"Variable {selector} is not an array type, actual type: {kind}")
        try:
            return _succeeded(value, self._select(value, kind, context.pool))
        except ListRefused as error:
            return Failed(str(error), inputs={"variable": value}, process_data={"variable": value})

    def _select(self, items: list[Value], kind: str, pool: Pool) -> list[Value]:
        for each in self._filters:
            items = each.apply(items, kind, pool)
        if self._serial is not None:
            items = _extract(items, int(self._serial.render(pool)))
        if self._order is not None:
            items = _sorted(items, kind, self._order)
        return items if self._limit is None else items[: self._limit]


def _succeeded(items: list[Value], result: list[Value]) -> Succeeded:
    shown: dict[str, Value] = {"variable": items}
    outputs: dict[str, Value] = {
        "result": result,
        "first_record": result[0] if result else None,
        "last_record": result[-1] if result else None,
    }
    return Succeeded(outputs, shown, shown)


def _extract(items: list[Value], number: int) -> list[Value]:
    if number < 1:
        raise ValueError(f"Invalid serial index: must be >= 1, got {number}")
    if number > len(items):
        raise ListRefused(f"Invalid serial index: must be <= {len(items)}, got {number}")
    return [items[number - 1]]


def _sorted(items: list[Value], kind: str, order: OrderBy) -> list[Value]:
    if kind == "array[file]" and order.key not in FILE_KEYS:
        raise ListRefused(f"Invalid order key: {order.key}")

    def rank(item: Any) -> Any:
        return file_key(item, order.key) if isinstance(item, File) else item

    return sorted(items, key=rank, reverse=order.value is Direction.DESCENDING)


def _build(node_id: str, data: ListOperatorData, ports: NodePorts) -> ListOperator:
    return ListOperator(data)


def _output_names(data: ListOperatorData) -> frozenset[str]:
    return frozenset({"result", "first_record", "last_record"})


def _reads(data: ListOperatorData) -> tuple[Selector, ...]:
    texts = [each.value for each in data.filter_by.conditions if isinstance(each.value, str)]
    templates = [Template.parse(text) for text in (*texts, data.extract_by.serial)]
    return (data.variable, *(selector for each in templates for selector in each.selectors))


LIST_OPERATOR: Final = NodeType(
    "list-operator", ListOperatorData, _build, output_names=_output_names, reads=_reads
)
