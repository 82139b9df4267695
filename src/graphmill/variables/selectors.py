"""Selectors: the path to a value, `(node id or namespace, variable, ...path)`."""

from collections.abc import Sequence
from typing import TypeAlias

Selector: TypeAlias = tuple[str, ...]


def parse_selector(raw: Sequence[object]) -> Selector:
    """A selector as the file lists it; old files write `["sys.query"]` (`workflow-dsl §5.3`)."""
    parts = tuple(str(part) for part in raw)
    if len(parts) == 1 and "." in parts[0]:
        return tuple(parts[0].split(".", 1))
    return parts
