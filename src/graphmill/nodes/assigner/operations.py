"""What the operations of an assigner do to which types (`nodes §14.1`): tables, without the node.

Types are run-time types (`workflow-dsl §14.2`); `integer` and `float` are both numbers here.
"""

import json
import operator
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from graphmill.variables.values import Value


class Operation(StrEnum):
    OVER_WRITE = "over-write"
    CLEAR = "clear"
    APPEND = "append"
    EXTEND = "extend"
    SET = "set"
    ADD = "+="
    SUBTRACT = "-="
    MULTIPLY = "*="
    DIVIDE = "/="
    REMOVE_FIRST = "remove-first"
    REMOVE_LAST = "remove-last"


class InputType(StrEnum):
    VARIABLE = "variable"
    CONSTANT = "constant"


WITHOUT_VALUE: Final = frozenset({Operation.CLEAR, Operation.REMOVE_FIRST, Operation.REMOVE_LAST})
_ARITHMETIC: Final[dict[Operation, Callable[[Any, Any], Value]]] = {
    Operation.ADD: operator.add,
    Operation.SUBTRACT: operator.sub,
    Operation.MULTIPLY: operator.mul,
    Operation.DIVIDE: operator.truediv,
}
_NUMBERS: Final = ("integer", "float", "number")
_SETTABLE: Final = ("string", "boolean", "object", *_NUMBERS)

_CLASSES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    **dict.fromkeys(_NUMBERS, (int, float)),
}
_ELEMENT_CLASSES: Final[dict[str, tuple[type, ...]]] = {
    "array[string]": (str,),
    "array[number]": (int, float),
    "array[boolean]": (bool,),
    "array[object]": (dict,),
    "array[any]": (str, int, float, dict),
}
"""Lists of files are not in here: they cannot be written."""


def supports(operation: Operation, kind: str) -> bool:
    """Has the operation a meaning for variables of type `kind`?"""
    if operation in (Operation.OVER_WRITE, Operation.CLEAR):
        return True
    if operation is Operation.SET:
        return kind in _SETTABLE
    if operation in _ARITHMETIC:
        return kind in _NUMBERS
    return kind.startswith("array[")


def takes(operation: Operation, input_type: InputType, kind: str) -> bool:
    """May the value be given this way? Asked after `supports`."""
    if input_type is InputType.VARIABLE:
        return operation is not Operation.SET and operation not in _ARITHMETIC
    if operation in _ARITHMETIC:
        return True
    return operation in (Operation.OVER_WRITE, Operation.SET) and kind in _SETTABLE


def apply(operation: Operation, kind: str, before: Value, value: Value) -> Value:
    """What a variable of type `kind` holds afterwards. Raises ValueError for a value that does
    not fit; operations `WITHOUT_VALUE` do not look at it."""
    if operation in WITHOUT_VALUE:
        return _apply_alone(operation, kind, before)
    if operation is Operation.SET and kind == "object" and isinstance(value, str):
        value = _read_object(value)
    if not _fits(operation, kind, value):
        raise _invalid(value)
    match operation:
        case Operation.APPEND:
            return [*_items(before), value]
        case Operation.EXTEND:
            return _items(before) + _items(value)
        case Operation.OVER_WRITE | Operation.SET:
            return value
        case _:
            return _ARITHMETIC[operation](before, value)


def _apply_alone(operation: Operation, kind: str, before: Value) -> Value:
    if operation is Operation.CLEAR:
        return zero(kind)
    items = _items(before)
    return items[1:] if operation is Operation.REMOVE_FIRST else items[:-1]


def zero(kind: str) -> Value:
    """What a cleared variable holds."""
    if kind.startswith("array["):
        return []
    if kind in _NUMBERS:
        return 0
    match kind:
        case "string":
            return ""
        case "boolean":
            return False
        case "object":
            return {}
        case _:
            return None


def _fits(operation: Operation, kind: str, value: Value) -> bool:
    if not kind.startswith("array["):
        divides_by_zero = operation is Operation.DIVIDE and value == 0
        return isinstance(value, _CLASSES.get(kind, ())) and not divides_by_zero
    classes = _ELEMENT_CLASSES.get(kind, ())
    if operation is Operation.APPEND:
        return isinstance(value, classes)
    return isinstance(value, list) and all(isinstance(item, classes) for item in value)


def _read_object(text: str) -> Value:
    try:
        value: Value = json.loads(text)
    except ValueError:
        raise _invalid(text) from None
    return value


def _items(value: Value) -> list[Value]:
    assert isinstance(value, list), "list operations are supported for lists only"
    return value


def _invalid(value: Value) -> ValueError:
    return ValueError(f"Invalid input value {value}")
