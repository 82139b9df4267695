"""Text with `{{#node.variable#}}` references: split once, rendered often (`workflow-dsl §14.6`).

Dify also replaces a literal text that happens to be exactly the dotted path of a variable; that
is not done here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value, mask_secret, render_log, render_text

_REFERENCE: Final = re.compile(
    r"\{\{#([a-zA-Z0-9_]{1,50}(?:\.[a-zA-Z_][a-zA-Z0-9_]{0,29}){1,10})#\}\}"
)


@dataclass(frozen=True, slots=True)
class Template:
    segments: tuple[str | Selector, ...]
    """Literal texts (never empty) and references, in order."""
    selectors: tuple[Selector, ...]
    """The references alone, in order."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split `text`. Everything that is not exactly a reference stays literal text."""
        pieces = _REFERENCE.split(text)
        segments: list[str | Selector] = []
        for number, piece in enumerate(pieces):
            if number % 2:
                segments.append(tuple(piece.split(".")))
            elif piece:
                segments.append(piece)
        return cls(
            tuple(segments),
            tuple(segment for segment in segments if isinstance(segment, tuple)),
        )

    def render(self, pool: Pool, render: Callable[[Value], str] = render_text) -> str:
        """The text with values in place; a reference to nothing leaves its dotted path."""
        return "".join([_shown(segment, pool, render) for segment in self.segments])

    def render_log(self, pool: Pool, render: Callable[[Value], str] = render_log) -> str:
        """The text as logs may keep it: secrets of the environment are masked."""
        return "".join(
            [
                _shown(segment, pool, _masked if pool.is_secret(segment) else render)
                for segment in self.segments
            ]
        )


def _shown(segment: str | Selector, pool: Pool, render: Callable[[Value], str]) -> str:
    if isinstance(segment, str):
        return segment
    value = pool.find(segment)
    return ".".join(segment) if isinstance(value, Missing) else render(value)


def _masked(value: Value) -> str:
    return mask_secret(render_log(value))
