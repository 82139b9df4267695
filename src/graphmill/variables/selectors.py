"""Selectors: the path to a value, `(node id or namespace, variable, ...path)`."""

from typing import TypeAlias

Selector: TypeAlias = tuple[str, ...]
