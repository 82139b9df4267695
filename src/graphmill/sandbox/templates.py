"""Jinja2 templates, rendered inside the server where that is little work, else in the sandbox.

Most templates in real files are text with `{{ name }}` in it. Those are rendered right here, a
hundred times faster and with the same result; Jinja2 is loaded for the first one that is more.
"""

from collections.abc import Mapping
from contextlib import suppress

from graphmill.errors import CodeFailed, CodeUnavailable, TemplateFailed, TemplateUnbounded
from graphmill.ports.code import CodeRunner, Template, WaitingTemplate
from graphmill.sandbox.plain import MAX_OUTPUT, PlainTemplate, output_too_long
from graphmill.variables.values import Value


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
