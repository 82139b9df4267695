"""Templates that need the sandbox, from the engine that has one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from graphmill.errors import TemplateFailed
from graphmill.ports.code import WaitingTemplate
from graphmill.sandbox.fork_server import ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.plain import MAX_OUTPUT, PlainTemplate
from graphmill.sandbox.templates import SandboxTemplates


@pytest.fixture
async def templates() -> AsyncIterator[SandboxTemplates]:
    server = ForkServer(CodeLimits(wall_seconds=5, cpu_seconds=1))
    yield SandboxTemplates(server)
    await server.close()


async def render(templates: SandboxTemplates, source: str, **values: Any) -> str:
    template = templates.compile(source)
    assert isinstance(template, WaitingTemplate)
    return await template.render_elsewhere(values)


def test_text_with_names_never_waits() -> None:
    class Unreachable:
        async def run(self, *_: object) -> Any:
            raise AssertionError("no sandbox is needed")

    assert isinstance(SandboxTemplates(Unreachable()).compile("Hi {{ name }}"), PlainTemplate)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("{% for x in xs %}{{ x }},{% endfor %}", "1,2,", id="bounded"),
        pytest.param("{{ name.upper() }}", "ZOË", id="a method"),
        pytest.param("{% set _ = xs.append(3) %}{{ xs }}", "[1, 2, 3]", id="appending"),
        pytest.param("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}", "<1>", id="a macro"),
        pytest.param(
            "{% set ns = namespace(n=0) %}{% for x in xs %}{% set ns.n = ns.n + x %}{% endfor %}"
            "{{ ns.n }}",
            "3",
            id="a namespace in a loop",
        ),
        pytest.param("{{ lipsum(1)|length > 0 }}", "True", id="lipsum"),
        pytest.param("{{ none }} {{ missing }}!", "None !", id="nothing"),
    ],
)
async def test_templates_render_as_in_jinja(
    source: str, expected: str, templates: SandboxTemplates
) -> None:
    assert expected == await render(templates, source, name="Zoë", xs=[1, 2])


async def test_values_too_large_for_the_server_are_rendered_in_the_sandbox(
    templates: SandboxTemplates,
) -> None:
    text = "x" * 300_000
    assert text == await render(templates, "{% if text %}{{ text }}{% endif %}", text=text)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("{% if %}", "Expected an expression", id="syntax"),
        pytest.param("{{ name.a.b.upper() }}", "has no attribute 'a'", id="undefined"),
        pytest.param(
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion", id="recursion"
        ),
        pytest.param("{{ ''.__class__.__mro__ }}{{ name.upper() }}", "unsafe", id="unsafe"),
        pytest.param(
            "{{ name.upper() }}{% for a in range(99999) %}{% for b in range(99999) %}"
            "{% endfor %}{% endfor %}",
            "CPU time",
            id="endless",
        ),
        pytest.param("{{ name.upper() * 400001 }}", f"exceeds {MAX_OUTPUT} characters", id="long"),
    ],
)
async def test_a_template_that_fails_says_why(
    source: str, message: str, templates: SandboxTemplates
) -> None:
    with pytest.raises(TemplateFailed, match=message):
        await render(templates, source, name="Z")
