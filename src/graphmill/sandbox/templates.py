"""Jinja2 templates, rendered inside the server where that is little work, else in the sandbox.

Most templates in real files are text with `{{ name }}` in it. Those are rendered right here, a
hundred times faster and with the same result; Jinja2 is loaded for the first one that is more.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Self

from graphmill.errors import CodeFailed, CodeUnavailable, TemplateFailed, TemplateUnbounded
from graphmill.ports import CodeRunner, Template, WaitingTemplate
from graphmill.variables.values import Value

MAX_OUTPUT: Final = 400_000
"""Characters (`nodes §9`)."""

_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
# Whatever begins like a tag and is no plain name makes the whole template more than plain.
_TAG: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{[{%#]")
_NOT_VARIABLES: Final = frozenset({
    "true", "false", "none", "True", "False", "None", "not", "self", "super",
})  # fmt: skip


class InlineTemplates:
    """`ports.TemplateEngine` without a sandbox: takes only what is certain to end soon and small.

    Anything else fails when it is rendered, and says what would have needed the code sandbox."""

    def compile(self, source: str) -> Template:
        plain = PlainTemplate.parse(source)
        if plain is not None:
            return plain
        # Keeps start-up fast and a server without such templates small.
        from graphmill.sandbox.jinja import compile_bounded  # noqa: PLC0415

        return compile_bounded(source)


class SandboxTemplates:
    """`ports.TemplateEngine` with a sandbox for everything that `InlineTemplates` does not take."""

    def __init__(self, runner: CodeRunner) -> None:
        self._inline = InlineTemplates()
        self._runner = runner

    def compile(self, source: str) -> Template | WaitingTemplate:
        inline = self._inline.compile(source)
        if isinstance(inline, PlainTemplate):
            return inline
        return _SandboxTemplate(source, inline, self._runner)


class _SandboxTemplate:
    """Rendered in the server if that turns out to be little work, else in the sandbox."""

    def __init__(self, source: str, inline: Template, runner: CodeRunner) -> None:
        self._source = source
        self._inline = inline
        self._runner = runner

    async def render_elsewhere(self, values: Mapping[str, Value]) -> str:
        with suppress(TemplateUnbounded):
            return self._inline.render(values)
        try:
            result = await self._runner.run("jinja2", self._source, values)
        except (CodeFailed, CodeUnavailable) as error:
            raise TemplateFailed(str(error)) from error
        text = result.value.get("result") if isinstance(result.value, dict) else None
        if not isinstance(text, str):
            raise TemplateFailed("The code sandbox gave no text.")
        if len(text) > MAX_OUTPUT:
            raise output_too_long()
        return text


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
