"""Which elements a list-operator keeps (`nodes §18`): what can be asked of which lists."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from graphmill.nodes.base import Section
from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value

Test: TypeAlias = Callable[[Any], bool]
"""Is the element kept? Elements are all of the type that the list has."""

Tests: TypeAlias = Mapping[str, Callable[[Any, Any], bool]]
"""By operator: element and right side → is it kept?"""

_CHOICE_TESTS: Final[Tests] = {
    "in": lambda item, given: item in given,
    "not in": lambda item, given: item not in given,
}
_TEXT_TESTS: Final[Tests] = {
    **_CHOICE_TESTS,
    "contains": lambda item, given: given in item,
    "not contains": lambda item, given: given not in item,
    "start with": str.startswith,
    "end with": str.endswith,
    "is": operator.eq,
    "is not": operator.ne,
    "empty": lambda item, _: not item,
    "not empty": lambda item, _: bool(item),
}
_NUMBER_TESTS: Final[Tests] = {
    "=": operator.eq,
    "≠": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "≤": operator.le,
    "≥": operator.ge,
}
_BOOLEAN_TESTS: Final[Tests] = {"is": operator.eq, "is not": operator.ne}

_TEXT_KEYS: Final = ("name", "extension", "mime_type", "url", "related_id")
_CHOICE_KEYS: Final = ("type", "transfer_method")
FILE_KEYS: Final = (*_TEXT_KEYS, *_CHOICE_KEYS, "size")
"""Attributes that files can be filtered and ordered by."""


class ListRefused(Exception):
    """A failure that is reported along with the node's inputs; a ValueError goes without them."""


class FilterCondition(Section):
    key: str = ""
    """Which of `FILE_KEYS`; for files only."""
    comparison_operator: str = "contains"
    value: str | list[str] | bool = ""


class Filter:
    """One condition; a text on its right side is a template."""

    def __init__(self, condition: FilterCondition) -> None:
        self._key = condition.key
        self._word = condition.comparison_operator
        self._given = condition.value
        self._template = (
            Template.parse(condition.value) if isinstance(condition.value, str) else None
        )

    def apply(self, items: list[Value], kind: str, pool: Pool) -> list[Value]:
        """The elements of a list of type `kind` that match. Raises ListRefused or ValueError."""
        keeps = self._test_for_files(pool) if kind == "array[file]" else self._test_for(kind, pool)
        return [item for item in items if keeps(item)]

    def _test_for(self, kind: str, pool: Pool) -> Test:
        match kind:
            case "array[number]":
                return self._test(_NUMBER_TESTS, float(self._text(pool)))
            case "array[boolean]":
                if not isinstance(self._given, bool):
                    raise ValueError(f"A boolean filter needs a boolean value, got {self._given!r}")
                return self._test(_BOOLEAN_TESTS, self._given)
            case _:
                return self._test(_TEXT_TESTS, self._text(pool))

    def _test_for_files(self, pool: Pool) -> Test:
        key = self._key
        if key in _TEXT_KEYS:
            test = self._test(_TEXT_TESTS, self._text(pool))
        elif key in _CHOICE_KEYS:
            choices = self._given if isinstance(self._given, list) else self._text(pool)
            test = self._test(_CHOICE_TESTS, choices)
        elif key == "size":
            test = self._test(_NUMBER_TESTS, float(self._text(pool)))
        else:
            raise ListRefused(f"Invalid key: {key}")
        return lambda file: test(file_key(file, key))

    def _text(self, pool: Pool) -> str:
        if self._template is None:
            raise ListRefused(f"Invalid filter value: {self._given}")
        return self._template.render(pool)

    def _test(self, tests: Tests, given: object) -> Test:
        compare = tests.get(self._word)
        if compare is None:
            raise ListRefused(f"Invalid condition: {self._word}")
        return lambda item: compare(item, given)


def file_key(file: File, key: str) -> str | int:
    """What a file is filtered and ordered by; nothing is the empty text. A stored file has no
    address here, since signed ones say nothing."""
    value = file.remote_url if key == "url" else file.attribute(key)
    return "" if value is None or isinstance(value, Missing) else value
