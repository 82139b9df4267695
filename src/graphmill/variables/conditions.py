"""Comparisons as if-else and loop write them: 21 operators, groups, tests of files (`nodes §7`).

The left side is never converted: a text compared with `>` is an error, not a number. Every failure
is a ValueError whose text is what Dify shows.
"""

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from graphmill.variables.files import FILE_ATTRIBUTES, File
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value, type_of


@dataclass(frozen=True, slots=True)
class FileCondition:
    """A comparison of one attribute, made for each file of a list."""

    attribute: str
    operator: str
    expected: Value


@dataclass(frozen=True, slots=True)
class FileConditionGroup:
    conditions: tuple[FileCondition, ...]
    match_all: bool


@dataclass(frozen=True, slots=True)
class Condition:
    selector: Selector
    operator: str
    expected: Template | Value
    """The right side; texts are templates."""
    of_files: FileConditionGroup | None = None


@dataclass(frozen=True, slots=True)
class ConditionGroup:
    conditions: tuple[Condition, ...]
    match_all: bool
    """`and` rather than `or`; with no condition at all `and` is true and `or` is false."""


@dataclass(slots=True)
class Evaluation:
    """What came of a group."""

    result: bool
    results: list[Value] = field(default_factory=list)
    """Of each condition, up to the one that decided."""
    compared: list[Value] = field(default_factory=list)
    """Both sides of each comparison, for logs; existence and tests of files are not listed."""


def evaluate(group: ConditionGroup, pool: Pool) -> Evaluation:
    """Test the conditions in order until the result is certain. Raises ValueError."""
    evaluation = Evaluation(group.match_all)
    for condition in group.conditions:
        result = _test(condition, pool, evaluation.compared)
        evaluation.results.append(result)
        if result is not group.match_all:
            evaluation.result = result
            break
    return evaluation


def compare(actual: Value, word: str, expected: Value) -> bool:
    """`actual <word> expected`. Raises ValueError for sides that the operator does not take."""
    return OPERATORS[word](actual, expected)


def _test(condition: Condition, pool: Pool, compared: list[Value]) -> bool:
    actual = pool.find(condition.selector)
    if isinstance(actual, Missing):
        raise ValueError(f"Variable {list(condition.selector)} not found")
    word, expected = condition.operator, condition.expected
    if word in ("exists", "not exists"):
        return compare(actual, word, None)
    kind = type_of(actual)
    if kind == "array[file]" and word in ("contains", "not contains", "all of"):
        return _test_files(condition.of_files, actual)
    if isinstance(expected, Template):
        expected = expected.render(pool)
    if kind in ("boolean", "array[boolean]") and word not in _WITHOUT_VALUE:
        expected = _as_boolean(expected)
    result = compare(actual, word, expected)
    compared.append(
        {"actual_value": actual, "expected_value": expected, "comparison_operator": word}
    )
    return result


# --- files ---------------------------------------------------------------------------------------


def _test_files(group: FileConditionGroup | None, files: Value) -> bool:
    """The operator in front of the group has no say in the result."""
    if group is None:
        raise ValueError("Sub variable is required")
    assert isinstance(files, list), "the caller has seen an array[file]"
    results = (_test_each_file(condition, files) for condition in group.conditions)
    return all(results) if group.match_all else any(results)


def _test_each_file(condition: FileCondition, files: list[Value]) -> bool:
    """Does any file match, or, for operators that say "not", do all?"""
    name, expected = condition.attribute, condition.expected
    if name not in FILE_ATTRIBUTES:
        raise ValueError(f"{name!r} is not a valid FileAttribute")
    actual = [file.attribute(name) for file in files if isinstance(file, File)]
    if name == "extension":
        if not isinstance(expected, str):
            raise ValueError("Expected value must be a string when key is FileAttribute.EXTENSION")
        expected = _dotted(expected)
        actual = [_dotted(value) if isinstance(value, str) else value for value in actual]
    results = (
        compare(None if isinstance(value, Missing) else value, condition.operator, expected)
        for value in actual
    )
    return all(results) if "not" in condition.operator else any(results)


def _dotted(extension: str) -> str:
    return extension if extension.startswith(".") else f".{extension}"


# --- right sides ---------------------------------------------------------------------------------


def _as_boolean(expected: Value) -> Value:
    """What a truth value is compared with; files write `true`, `"true"`, `1` or `"1"`."""
    if isinstance(expected, list):
        return [_as_boolean(item) for item in expected]
    if not isinstance(expected, str):
        return expected
    parsed = json.loads(expected)
    if not isinstance(parsed, int):
        raise ValueError(f"unexpected value: type={type(parsed)}, value={parsed}")
    return bool(parsed)


def _parse_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _equals(actual: Value, expected: Value) -> bool:
    """Equality inside lists. Files write numbers as text there, which Dify never matches (D30)."""
    if _is_number(actual) and isinstance(expected, str):
        try:
            return actual == _parse_number(expected)
        except ValueError:
            return False
    return actual == expected


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- operators -----------------------------------------------------------------------------------

Operator: TypeAlias = Callable[[Value, Value], bool]


def _contains(actual: Value, expected: Value) -> bool:
    if not actual:
        return False
    if isinstance(actual, str):
        return str(expected) in actual
    if isinstance(actual, list):
        return any(_equals(item, expected) for item in actual)
    raise ValueError("Invalid actual value type: string or array")


def _starts_with(actual: Value, expected: Value) -> bool:
    return bool(actual) and _text(actual).startswith(_affix(expected, "startswith"))


def _ends_with(actual: Value, expected: Value) -> bool:
    return bool(actual) and _text(actual).endswith(_affix(expected, "endswith"))


def _text(actual: Value) -> str:
    if not isinstance(actual, str):
        raise ValueError("Invalid actual value type: string")
    return actual


def _affix(expected: Value, method: str) -> str:
    if not isinstance(expected, str):
        raise ValueError(f"Expected value must be a string for {method}")
    return expected


def _is(actual: Value, expected: Value) -> bool:
    if actual is None:
        return False
    if not isinstance(actual, str | bool):
        raise ValueError("Invalid actual value type: string or boolean")
    return actual == expected


def _in(actual: Value, expected: Value) -> bool:
    if not actual:
        return False
    if not isinstance(expected, list):
        raise ValueError("Invalid expected value type: array")
    return any(_equals(actual, item) for item in expected)


def _all_of(actual: Value, expected: Value) -> bool:
    if not isinstance(expected, list):
        raise ValueError("Unsupported operator: all of")
    if not (_are_all(expected, str) or _are_all(expected, bool)):
        raise ValueError("all of operator expects homogeneous list of strings or booleans")
    return bool(actual) and all(_contains(actual, item) for item in expected)


def _are_all(values: list[Value], kind: type) -> bool:
    return all(isinstance(value, kind) for value in values)


def _equal(actual: Value, expected: Value) -> bool:
    """Numbers may be written as text, of either kind (Dify wants an integer's twin, D30)."""
    if actual is None:
        return False
    if isinstance(actual, bool):
        return actual is bool(expected)
    if not isinstance(actual, int | float):
        raise ValueError("Invalid actual value type: number or boolean")
    if isinstance(expected, int | float):
        return actual == expected
    if not isinstance(expected, str):
        raise ValueError(f"Cannot convert {type(expected)} to {type(actual).__name__}")
    if not expected.strip():
        return False
    try:
        return actual == _parse_number(expected)
    except ValueError:
        if isinstance(actual, float):
            raise
        raise ValueError(f"invalid literal for int() with base 10: {expected!r}") from None


def _ordered(test: Callable[[int | float, int | float], bool]) -> Operator:
    def holds(actual: Value, expected: Value) -> bool:
        if actual is None:
            return False
        if not isinstance(actual, int | float):
            raise ValueError("Invalid actual value type: number")
        if isinstance(expected, int | float):
            return test(actual, expected)
        try:
            return test(actual, _parse_number(str(expected)))
        except ValueError:
            raise ValueError(f"Cannot convert {expected!r} to number") from None

    return holds


def _negation(holds: Operator) -> Operator:
    return lambda actual, expected: not holds(actual, expected)


def _unless_none(holds: Operator) -> Operator:
    """The negation, which is false as well when there is nothing to compare."""
    return lambda actual, expected: actual is not None and not holds(actual, expected)


OPERATORS: Final[dict[str, Operator]] = {
    "contains": _contains,
    "not contains": _negation(_contains),
    "start with": _starts_with,
    "end with": _ends_with,
    "is": _is,
    "is not": _unless_none(_is),
    "empty": lambda actual, _: not actual,
    "not empty": lambda actual, _: bool(actual),
    "null": lambda actual, _: actual is None,
    "not null": lambda actual, _: actual is not None,
    "exists": lambda actual, _: actual is not None,
    "not exists": lambda actual, _: actual is None,
    "in": _in,
    "not in": _negation(_in),
    "all of": _all_of,
    "=": _equal,
    "≠": _unless_none(_equal),
    ">": _ordered(operator.gt),
    "<": _ordered(operator.lt),
    "≥": _ordered(operator.ge),
    "≤": _ordered(operator.le),
}
"""All words that a condition may use."""

_WITHOUT_VALUE: Final = frozenset({"empty", "not empty", "null", "not null"})
"""Their right side means nothing, so it need not be readable (deviation D31)."""
