"""Templates that are text with `{{ name }}` in it: rendered without Jinja2, as Jinja2 would."""

import re
from collections.abc import Mapping
from typing import Final, Self

from graphmill.errors import TemplateFailed
from graphmill.variables.values import Value

MAX_OUTPUT: Final = 400_000
"""Characters (`nodes §9`)."""

_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
# Whatever begins like a tag and is no plain name makes the whole template more than plain.
_TAG: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{[{%#]")
_NOT_VARIABLES: Final = frozenset({
    "true", "false", "none", "True", "False", "None", "not", "self", "super",
})  # fmt: skip


class PlainTemplate:
    """Text with names in it."""

    __slots__ = ("_begin", "_rest")

    def __init__(self, begin: str, rest: tuple[tuple[str, str], ...]) -> None:
        """`rest` holds each name together with the text behind it."""
        self._begin = begin
        self._rest = rest

    @classmethod
    def parse(cls, source: str) -> Self | None:
        """None when the template is more than text and names.

        Like Jinja2, this makes all line ends one character and drops one at the end."""
        text = _NEWLINE.sub("\n", source).removesuffix("\n")
        pieces = _TAG.split(text)
        names = pieces[1::2]
        if None in names or not _NOT_VARIABLES.isdisjoint(names):
            return None
        return cls(pieces[0], tuple(zip(names, pieces[2::2], strict=True)))

    def render(self, values: Mapping[str, Value]) -> str:
        pieces = [self._begin]
        size = len(self._begin)
        for name, text in self._rest:
            value = values.get(name, "")
            if type(value) is not str:
                value = _shown(value)
            size += len(value) + len(text)
            if size > MAX_OUTPUT:
                break
            pieces += (value, text)
        if size > MAX_OUTPUT:
            raise output_too_long()
        return "".join(pieces)


def output_too_long() -> TemplateFailed:
    return TemplateFailed(f"Output length exceeds {MAX_OUTPUT} characters")


def _shown(value: Value) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError) as error:
        # Nested too deep, or a number of more than 4300 digits.
        raise TemplateFailed(f"A value cannot be shown: {error}") from None
