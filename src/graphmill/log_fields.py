"""What log records say of the work that they come from: its request, its run, its app."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

_FIELDS: Final[ContextVar[Mapping[str, str]]] = ContextVar(
    "log_fields", default=MappingProxyType({})
)


def current_fields() -> Mapping[str, str]:
    """By name."""
    return _FIELDS.get()


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Records say `fields`, too: of what happens within, and of tasks that are started there."""
    token = _FIELDS.set({**_FIELDS.get(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)
