"""An attack: code of a stranger, and what its result would show if it had worked.

`@WORD@` in the code stands for something of the test's arena: a port that listens, a folder that
anybody may write to, a name that nobody else uses, a secret of the server's environment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from graphmill.variables.values import Value

Leak = Callable[[Value], bool]
"""(the member `v`, or for templates `result`, of what came back) → did it work?"""


def nothing(value: Value) -> bool:
    """Whatever comes back is the author's own; side effects are looked at apart."""
    return False


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    source: str
    leaks: Leak = nothing
    inputs: Mapping[str, Value] = field(default_factory=dict)


def anything(value: Value) -> bool:
    return bool(value)


def equals(wanted: Value) -> Leak:
    return lambda value: value == wanted


def differs_from(harmless: Value) -> Leak:
    return lambda value: value is not None and value != harmless


def contains(part: str) -> Leak:
    return lambda value: part in str(value)


def more_than(number: int) -> Leak:
    return lambda value: isinstance(value, int) and value > number


def longer_than(characters: int) -> Leak:
    return lambda value: len(str(value)) > characters


def longer_list_than(items: int) -> Leak:
    return lambda value: isinstance(value, list) and len(value) > items
