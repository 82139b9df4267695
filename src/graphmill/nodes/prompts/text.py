"""Text of a prompt: its references must all be there, unlike those of other texts."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing

CONTEXT: Final = "{#context#}"
"""Stands in prompts between two more braces, which stay (recorded)."""
HISTORIES: Final = "{{#histories#}}"
_PLACEHOLDER: Final = re.compile(f"({re.escape(CONTEXT)}|{re.escape(HISTORIES)})")


class PromptInvalid(Exception):
    """No prompt can be made of what the run holds. `kind` is the type of error that Dify
    reports."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class PromptText:
    pieces: tuple[Template | str, ...]
    """Templates, and the placeholders between them."""
    selectors: tuple[Selector, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        pieces = tuple(
            piece if number % 2 else Template.parse(piece)
            for number, piece in enumerate(_PLACEHOLDER.split(text))
        )
        templates = (piece for piece in pieces if isinstance(piece, Template))
        return cls(pieces, tuple(each for template in templates for each in template.selectors))

    def render(self, pool: Pool, fillings: Mapping[str, str]) -> str:
        """With `fillings` where their placeholders stand. Nothing inside a value is expanded."""
        return "".join(
            [
                fillings.get(piece, piece) if isinstance(piece, str) else piece.render(pool)
                for piece in self.pieces
            ]
        )


def check_found(selectors: Iterable[Selector], pool: Pool) -> None:
    """Raises PromptInvalid for the first reference to what does not exist."""
    for selector in selectors:
        if isinstance(pool.find(selector), Missing):
            raise PromptInvalid(
                f"Variable #{'.'.join(selector)}# not found", "VariableNotFoundError"
            )
