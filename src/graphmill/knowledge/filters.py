"""Which documents a filter lets through: the operators of `nodes §5`."""

from collections.abc import Callable, Mapping
from typing import Final

from graphmill.ports.knowledge import MetadataCondition, MetadataFilter
from graphmill.variables.values import Value, render_text


def passes(metadata: Mapping[str, Value], wanted: MetadataFilter | None) -> bool:
    """Does a document with this metadata pass?"""
    if wanted is None or not wanted.conditions:
        return True
    tests = (_holds(metadata.get(each.name), each) for each in wanted.conditions)
    return all(tests) if wanted.match_all else any(tests)


def _holds(found: Value, condition: MetadataCondition) -> bool:
    if condition.operator == "empty":
        return found in (None, "")
    if found in (None, ""):
        return condition.operator in _NEGATIONS
    if condition.operator == "not empty":
        return True
    if condition.operator in _ORDERS:
        numbers = _number(found), _number(condition.value)
        return None not in numbers and _ORDERS[condition.operator](*numbers)
    return _TESTS[condition.operator](found, condition.value)


def _number(value: Value) -> float | None:
    """Times are Unix seconds, as Dify has them."""
    try:
        return float(render_text(value))
    except ValueError:
        return None


def _same(found: Value, expected: Value) -> bool:
    numbers = _number(found), _number(expected)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return render_text(found) == render_text(expected)


def _one_of(found: Value, expected: Value) -> bool:
    """A list, or texts with commas between."""
    listed = expected if isinstance(expected, list) else render_text(expected).split(",")
    return any(_same(found, each.strip() if isinstance(each, str) else each) for each in listed)


def _contains(found: Value, expected: Value) -> bool:
    return render_text(expected).casefold() in render_text(found).casefold()


_ORDERS: Final[dict[str, Callable[..., bool]]] = {
    ">": lambda found, expected: found > expected,
    "<": lambda found, expected: found < expected,
    "≥": lambda found, expected: found >= expected,
    "≤": lambda found, expected: found <= expected,
    "after": lambda found, expected: found > expected,
    "before": lambda found, expected: found < expected,
}
_TESTS: Final[dict[str, Callable[[Value, Value], bool]]] = {
    "contains": _contains,
    "not contains": lambda found, expected: not _contains(found, expected),
    "start with": lambda found, expected: render_text(found).startswith(render_text(expected)),
    "end with": lambda found, expected: render_text(found).endswith(render_text(expected)),
    "is": _same,
    "is not": lambda found, expected: not _same(found, expected),
    "=": _same,
    "≠": lambda found, expected: not _same(found, expected),
    "in": _one_of,
    "not in": lambda found, expected: not _one_of(found, expected),
}
_NEGATIONS: Final = frozenset({"is not", "≠", "not contains", "not in"})
"""What holds for a document that has no such metadata."""
