"""Selectors: the path to a value, `(node id or namespace, variable, ...path)`."""

from collections.abc import Sequence
from typing import TypeAlias

Selector: TypeAlias = tuple[str, ...]


def parse_selector(raw: Sequence[str]) -> Selector:
    """A selector as the file lists it; old files write `["sys.query"]` (`workflow-dsl §5.3`)."""
    if len(raw) == 1:
        return tuple(raw[0].split(".", 1))
    return tuple(raw)
