"""Parameters of a request in one bag, wherever they came from, read as PHP reads them
(`nextcloud-ocs §1.2, §1.3`)."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from graphmill.api.ocs.errors import refused

MAX_PAIRS: Final = 1000
"""Of a query or a form; PHP's own limit."""
MAX_NAME: Final = 1000
"""Characters; what has a longer name is left out."""
MAX_DEPTH: Final = 20
"""Of brackets behind a name."""

_NAME: Final = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)")
_BRACKETS: Final = re.compile(r"\[([^\]]*)\]")
_INTEGER: Final = re.compile(r"\s*([+-]?\d{1,18})")
_FLOAT: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_REQUIRED: Final = object()

Tree: TypeAlias = dict[str, Any]


def read_pairs(text: bytes) -> Tree:
    """The parameters of a query or of an urlencoded form."""
    # Further pairs do not count; and to split them all would take long.
    counted = text.decode("utf-8", "replace").split("&", MAX_PAIRS)[:MAX_PAIRS]
    return nested(parse_qsl("&".join(counted), keep_blank_values=True))


def nested(pairs: Iterable[tuple[str, str]]) -> Tree:
    """`a[]=1&a[]=2` becomes a list, `a[k]=v` a mapping; of repetitions the last one counts."""
    tree: Tree = {}
    for number, (name, value) in enumerate(pairs):
        if number >= MAX_PAIRS:
            break
        match = _NAME.match(name) if len(name) <= MAX_NAME else None
        if match is None:
            continue
        keys = [match[1], *_BRACKETS.findall(match[2])[:MAX_DEPTH]]
        _put(tree, keys, value)
    return {name: _as_list(value) for name, value in tree.items()}


def integer_of(text: str) -> int:
    """As PHP casts a text: its leading digits, or 0."""
    match = _INTEGER.match(text)
    return int(match[1]) if match else 0


class Parameters:
    """Raises what `refused` makes for a parameter that is missing or of the wrong kind."""

    def __init__(self, values: Mapping[str, Any], *, words_are_booleans: bool) -> None:
        """`words_are_booleans`: the text `false` is false, as in queries and forms."""
        self._values = values
        self._words_are_booleans = words_are_booleans

    def raw(self, name: str) -> Any:
        """As it came; None when it is missing."""
        return self._values.get(name)

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: object = _REQUIRED) -> str:
        return str(self._text(name, default))

    def optional_text(self, name: str) -> str | None:
        value = self._text(name, None)
        return None if value is None else str(value)

    def integer(self, name: str, default: object = _REQUIRED) -> int:
        value = self._scalar(name, default)
        if isinstance(value, str):
            return integer_of(value)
        return int(value) if math.isfinite(value) else 0

    def number(self, name: str) -> float:
        value = self._scalar(name, _REQUIRED)
        if isinstance(value, str):
            match = _FLOAT.match(value)
            return float(match[1]) if match else 0.0
        return float(value)

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self._scalar(name, default)
        if value == "false" and self._words_are_booleans:
            return False
        return value not in ("", "0", 0, False)

    def mapping(self, name: str) -> dict[str, Any]:
        """An empty list is as good as an empty mapping: PHP cannot tell them apart."""
        value = self._mapping(name, _REQUIRED)
        assert value is not None, "a required mapping is there"
        return value

    def optional_mapping(self, name: str) -> dict[str, Any] | None:
        return self._mapping(name, None)

    def texts(self, name: str) -> list[str]:
        """A list; a bare text counts as one of one."""
        value = self._values.get(name)
        if isinstance(value, dict):
            value = list(value.values())
        items = value if isinstance(value, list) else [] if value is None else [value]
        return [str(item) for item in items if isinstance(item, str | int | float)]

    def _mapping(self, name: str, default: object) -> dict[str, Any] | None:
        value = self._get(name, default)
        if value is None:
            return None
        if value == []:
            return {}
        if not isinstance(value, dict):
            raise refused(400, f'Parameter "{name}" must be an object')
        return value

    def _text(self, name: str, default: object) -> Any:
        value = self._get(name, default)
        if isinstance(value, bool):
            return "1" if value else ""
        if value is not None and not isinstance(value, str | int | float):
            raise refused(400, f'Parameter "{name}" must be a text')
        return value

    def _scalar(self, name: str, default: object) -> Any:
        value = self._get(name, default)
        if not isinstance(value, str | int | float):
            raise refused(400, f'Parameter "{name}" must be a single value')
        return value

    def _get(self, name: str, default: object) -> Any:
        value = self._values.get(name)
        if value is not None:
            return value
        if default is _REQUIRED:
            raise refused(400, f'Parameter "{name}" is missing')
        return default


def _put(tree: Tree, keys: list[str], value: str) -> None:
    for at, key in enumerate(keys[:-1]):
        name = _free(tree) if at and key == "" else key
        inner = tree.get(name)
        if not isinstance(inner, dict):
            inner = tree[name] = {}
        tree = inner
    last = keys[-1]
    tree[_free(tree) if len(keys) > 1 and last == "" else last] = value


def _free(tree: Tree) -> str:
    """The next number, as for `a[]`."""
    numbers = [int(key) for key in tree if key.isdecimal() and len(key) < 10]
    return str(max(numbers, default=-1) + 1)


def _as_list(value: Any) -> Any:
    """Mappings with the keys 0, 1, 2 … become lists, on all levels."""
    if not isinstance(value, dict):
        return value
    inner = {key: _as_list(item) for key, item in value.items()}
    return list(inner.values()) if list(inner) == [str(i) for i in range(len(inner))] else inner
