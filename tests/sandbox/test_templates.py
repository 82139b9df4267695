"""Templates inside the server: as Jinja2 renders what is accepted, and never much work."""

import json
import subprocess
import sys
import time
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.errors import TemplateFailed
from graphmill.sandbox.plain import MAX_OUTPUT, PlainTemplate
from graphmill.sandbox.templates import InlineTemplates

MOST_SECONDS = 2.0
"""Of CPU time; one step behind the budget may take a while on a slow machine."""

VALUES: dict[str, Any] = {
    "name": "Zoë",
    "empty": "",
    "nil": None,
    "yes": True,
    "count": 3,
    "rate": 2.5,
    "words": ["b", "a", "c"],
    "numbers": [3, 1, 2],
    "nothing": [],
    "markup": "<i>\"x\" & 'y'</i>",
    "user": {"name": "Ann", "tags": ["x", "y"], "address": {"city": "Köln"}},
    "users": [{"name": "Ann", "age": 3}, {"name": "Bob", "age": 5}],
}


def render(source: str, values: dict[str, Any] | None = None) -> str:
    return InlineTemplates().compile(source).render(VALUES if values is None else values)


def by_jinja(source: str, values: dict[str, Any] | None = None) -> str:
    return jinja2.Template(source).render(VALUES if values is None else values)


def failure_of(source: str, values: dict[str, Any]) -> str | None:
    """Why it cannot be rendered, None when it can; within the time that is allowed."""
    started = time.thread_time()
    try:
        text = render(source, values)
    except TemplateFailed as error:
        message = str(error)
    else:
        assert len(text) <= MAX_OUTPUT
        message = None
    assert MOST_SECONDS > time.thread_time() - started
    return message


# --- text and names ------------------------------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
literals = st.text(alphabet=st.sampled_from("{}%#-+ \n\r\tab'\"\\é"), max_size=8)
tags = st.sampled_from(
    ["{{ a }}", "{{a}}", "{{  b\n}}", "{{ _c1 }}", "{{ missing }}", "{{ True }}", "{{ not }}"]
)


@given(
    st.lists(literals | tags, max_size=6).map("".join),
    st.dictionaries(st.sampled_from(["a", "b", "_c1"]), json_values),
)
def test_text_with_names_renders_as_jinja_renders_it(source: str, values: dict[str, Any]) -> None:
    plain = PlainTemplate.parse(source)
    if plain is not None:
        assert by_jinja(source, values) == plain.render(values)


@pytest.mark.parametrize(
    "source",
    [
        "", "text", "\n", "\n\n", "a\r\n", "a\rb\r\n\r\n", "\n  a  \n\n  b\n", "{{ name }}",
        "{{name}}", "{{ name }}\n", "{{\tname\n}}!", "{{ name }}{{ count }}", "{ {{ name }} }",
        "{{ name }}}", "} }} %} #}", "{{ missing }}|",
        "{{ nil }} {{ yes }} {{ rate }} {{ user }} {{ words }}",
        "{a} % # {", "{{ name }}{",
    ],
)  # fmt: skip
def test_text_with_names_needs_no_jinja(source: str) -> None:
    plain = PlainTemplate.parse(source)
    assert plain is not None
    assert by_jinja(source) == plain.render(VALUES)


@pytest.mark.parametrize(
    "source",
    [
        "{{{ name }}}", "{{ name.x }}", "{{ name|upper }}", "{% if name %}{% endif %}",
        "{# note #}", "{{- name }}", "{{ name -}}", "{{+ name }}", "{{ 1 }}", "{{ 'x' }}",
        "{{ true }}", "{{ None }}", "{{ self }}", "{{ not }}", "{{#start.x#}}", "{{ }}",
        "{{ a b }}", "{{ größe }}", "{{", "{%",
    ],
)  # fmt: skip
def test_anything_more_is_for_jinja(source: str) -> None:
    assert PlainTemplate.parse(source) is None


def test_text_with_names_does_not_load_jinja() -> None:
    code = (
        "import sys; from graphmill.sandbox.templates import InlineTemplates;"
        "InlineTemplates().compile('a {{ b }}').render({}); print('jinja2' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert "False" == result.stdout.strip()


def test_one_more_character_than_the_limit_is_too_much() -> None:
    values = {"x": "a" * 1000}
    assert MAX_OUTPUT == len(render("{{ x }}" * 400, values))
    for source in ("{{ x }}" * 400 + "b", "b" * (MAX_OUTPUT + 1), "{{ x }}" * 90_000):
        assert failure_of(source, values) == "Output length exceeds 400000 characters"


def test_a_value_that_has_no_text_is_an_error() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert "A value cannot be shown" in str(failure_of("{{ x }}", {"x": nested}))
    assert "A value cannot be shown" in str(failure_of("{{ x }}", {"x": 10**5000}))


# --- more than names -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ name|upper }} {{ name|length }} {{ markup|e }} {{ markup }}",
        "{{- name -}} \n{% if yes -%} x {%- endif %}\n",
        "{% raw %}{{ untouched }}{% endraw %}{# gone #}{{ '{{#start.q#}}' }}",
        "{{ user.name }} {{ user['tags'][0] }} {{ user.address.city }} [{{ user.none }}]",
        "{{ words[1:] }} {{ words[-1] }} {{ name[:2] }} {{ name[::-1] }}",
        "{% for w in words %}{{ loop.index }}/{{ loop.length }} {{ w }}{{ ', ' if not loop.last }}"
        "{% endfor %}",
        "{% for w in nothing %}x{% else %}none{% endfor %}{% for w in missing %}x{% endfor %}",
        "{% for u in users if u.age > 3 %}{{ u.name }}{{ loop.revindex }}{% endfor %}",
        "{% for k, v in user|dictsort %}{{ k }}={{ v }};{% endfor %}",
        "{% for k, v in user|items %}{{ k }}{% endfor %}{% for c in name %}{{ c }}.{% endfor %}",
        "{% for a in words %}{% for b in numbers %}{{ a }}{{ b }}{% endfor %}{% endfor %}",
        "{% for a in words %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }}{% endfor %}",
        "{% if count > 2 and not empty %}a{% elif yes %}b{% else %}c{% endif %}",
        "{{ 'x' in name }} {{ 'b' in words }} {{ count in [1, 2, 3] }} {{ 1 < count <= 3 }}",
        "{{ nil is none }} {{ missing is defined }} {{ count is odd }}",
        "{{ count is divisibleby 3 }} {{ count is not even }} {{ nothing is sameas nothing }}",
        "{{ name is string }} {{ user is mapping }} {{ words is iterable }} {{ rate is number }}",
        "{% set title = name|upper %}{{ title }} {% set a, b = words[:2] %}{{ a }}{{ b }}",
        "{{ missing|default('x') }} {{ empty|default('y', true) }} {{ nil|default('z') }}",
        "{{ words|join(', ') }} {{ words|sort|join }} {{ users|map(attribute='name')|join('+') }}",
        "{{ numbers|sum }} {{ numbers|max }} {{ numbers|min }} {{ users|sum(attribute='age') }}",
        "{{ words|first }} {{ words|last }} {{ words|reverse|list }} {{ numbers|unique|list }}",
        "{{ users|selectattr('age', 'gt', 3)|map(attribute='name')|list }}",
        "{{ numbers|reject('odd')|list }} {{ words|select('in', 'ab')|map('upper')|join }}",
        "{{ user|tojson }} {{ {'z': 1, 'a': [2, none]}|tojson }} {{ words|tojson(indent=2) }}",
        "{{ markup|tojson }} {{ name|urlencode }} {{ 'a b'|title }} {{ '  x '|trim }}",
        "{{ '42'|int }} {{ 'x'|int(7) }} {{ '1.5'|float }} {{ rate|round }} {{ 2.567|round(2) }}",
        "{{ name|replace('o', '0') }} {{ 'aaaa'|replace('a', 'b', 2) }} {{ 'a b c'|wordcount }}",
        "{{ 'x' if yes }}{{ 'y' if empty }}",
        "{{ 'a long text of words'|truncate(9) }} {{ -count }} {{ -1|abs }} {{ words|count }}",
        "{{ true }} {{ True }} {{ none }} {{ None }} {{ 1.0 }} {{ 1e3 }} {{ 'é' }} {{ (1, 2) }}",
        "{{ missing }}{{ missing.x|default('deep') if missing is defined }}{{ größe }}",
    ],
)  # fmt: skip
def test_what_is_accepted_renders_as_jinja_renders_it(source: str) -> None:
    assert by_jinja(source) == render(source)


def test_a_template_is_compiled_once_and_rendered_often() -> None:
    template = InlineTemplates().compile("{% for w in words %}{{ w }}{% endfor %}")
    assert "bac" == template.render(VALUES)
    assert "z" == template.render({"words": ["z"]})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ missing.attr }}", "'missing' is undefined"),
        ("{{ words + }}", "(line 1)"),
        ("a\nb {% if %}", "(line 2)"),
        ("{{#start.x#}}", "(line 1)"),
        ("{{ words|nofilter }}", "the filter 'nofilter'"),
        ("{{ nil|length }}", "'NoneType'"),
        ("{{ name is odd }}", "'Zoë' is no number"),
        ("{{ count is divisibleby 0 }}", "zero"),
        ("{{ user|sort }}{{ users|sort }}", "not supported"),
        ("{% for a in count %}{% endfor %}", "not iterable"),
    ],
)
def test_what_goes_wrong_is_said(source: str, message: str) -> None:
    template = InlineTemplates().compile(source)
    with pytest.raises(TemplateFailed) as failed:
        template.render(VALUES)
    assert message in str(failed.value)


# --- what needs the sandbox ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ name.upper() }}", "'Call'"),
        ("{{ range(10**9) }}", "'Call'"),
        ("{% for i in range(1000000000) %}x{% endfor %}", "'Call'"),
        ("{{ lipsum(10000000) }}", "'Call'"),
        ("{{ 'a' * 10000000000 }}", "'Mul'"),
        ("{{ ([1] * 10000000000)|length }}", "'Mul'"),
        ("{{ 10 ** 10 ** 9 }}", "'Pow'"),
        ("{{ '%1000000000d' % 1 }}", "'Mod'"),
        ("{{ 1 / 0 }}", "'Div'"),
        ("{{ name + name }}", "'Add'"),
        ("{{ name ~ name }}", "'Concat'"),
        ("{% set ns = namespace(s='a') %}", "'Call'"),
        ("{% for w in words %}{% set s = w %}{% endfor %}", "'set' in a loop"),
        ("{% set x %}{{ name }}{% endset %}", "'AssignBlock'"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "'Macro'"),
        ("{% call m() %}{% endcall %}", "'CallBlock'"),
        ("{% filter upper %}x{% endfilter %}", "'FilterBlock'"),
        ("{% with a = 1 %}{% endwith %}", "'With'"),
        ("{% include '/etc/passwd' %}", "'Include'"),
        ("{% import 'os' as o %}", "'Import'"),
        ("{% from 'os' import path %}", "'FromImport'"),
        ("{% extends '/etc/passwd' %}", "'Extends'"),
        ("{% block b %}{% endblock %}", "'Block'"),
        ("{% for i in words recursive %}{% endfor %}", "a recursive loop"),
        ("{{ name|center(3000000000) }}", "the filter 'center'"),
        ("{{ name|indent(3000000000, true) }}", "the filter 'indent'"),
        ("{{ '%1000000000d'|format(1) }}", "the filter 'format'"),
        ("{{ words|batch(100000000, 'x') }}", "the filter 'batch'"),
        ("{{ words|slice(1000000000) }}", "the filter 'slice'"),
        ("{{ name|attr('__class__') }}", "the filter 'attr'"),
        ("{{ name|urlize }}", "the filter 'urlize'"),
        ("{{ name|wordwrap(1) }}", "the filter 'wordwrap'"),
        ("{{ name|striptags }}", "the filter 'striptags'"),
        ("{{ {'a b': 1}|xmlattr }}", "the filter 'xmlattr'"),
        ("{{ name|pprint }}", "the filter 'pprint'"),
        ("{{ words|random }}", "the filter 'random'"),
        ("{{ self.__init__ }}", "the name 'self'"),
        ("{{ super }}", "the name 'super'"),
        ("{{ [name] }}", "a list or mapping of variables"),
        ("{{ {'a': name} }}", "a list or mapping of variables"),
        ("{{ (name, name) }}", "a list or mapping of variables"),
        ("{{ words|join(*words) }}", "arguments that are not written out"),
        ("{{ 1|round(100000000, 'ceil') }}", "where a number up to 20 is enough"),
        ("{{ user|tojson(indent=100000000) }}", "where a number up to 8 is enough"),
        ("{{ users|sum(start=[]) }}", "where a number up to"),
    ],
)  # fmt: skip
def test_what_has_no_bound_is_named_and_sent_to_the_sandbox(source: str, named: str) -> None:
    message = failure_of("line one\n" + source, VALUES)
    assert message is not None
    assert named in message
    assert "needs the code sandbox" in message


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("{{ (" + "(" * 3000 + "1" + ")" * 3000 + ") }}", {}),
        ("{{ x" + "|upper" * 500 + " }}", {"x": "a"}),
        ("{{ x" + " == x" * 500 + " }}", {"x": "a"}),
        ("{{ x" + ".a" * 500 + " }}", {"x": {}}),
        ("{% if x %}" * 2000 + "{% endif %}" * 2000, {"x": 1}),
        ("{{ x|upper }}" * 5000, {"x": "a"}),
        ("{{ x|upper }}" + "y" * 100_000, {"x": "a"}),
        ("{{ x|length }}", {"x": "a" * 300_000}),
        ("{{ x|length }}", {"x": [[0] * 1000] * 1000}),
        ("{{ x|length }}", {"x": json.loads("[" * 40 + "]" * 40)}),
        ("{{ x|length }}", {"x": 10**2_000_000}),
        ("{% for a in x %}{% for b in x %}{% if a < 0 %}y{% endif %}{% endfor %}{% endfor %}",
         {"x": list(range(20_000))}),
        ("{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", {"x": list(range(20_000))}),
        ("{% for a in x if a in x and a < 0 %}{% endfor %}", {"x": list(range(20_000))}),
        ("{{ x|select('in', y)|list }}", {"x": list(range(9000)), "y": list(range(9000, 18_000))}),
        ("{{ x|map(attribute='" + ".".join(["a"] * 30_000) + "', default='')|list }}",
         {"x": list(range(20_000))}),
        ("{% if x == x|list %}{% endif %}" * 500, {"x": list(range(20_000))}),
        ("{% set a = x|list|sort %}" * 500, {"x": "ba" * 100_000}),
        ("{{ x|sort|sort|sort|length }}", {"x": "ba" * 100_000}),
        ("{{ x|map(attribute='q', default=y)|list|length }}",
         {"x": list(range(5000)), "y": "a" * 100_000}),
        ("{{ x|replace('', 'y' * 9) }}", {"x": "a" * 200_000}),
        ("{{ x|replace('', '" + "y" * 50_000 + "')|length }}", {"x": "a" * 200_000}),
        ("{{ x|join('" + "y" * 50_000 + "')|length }}", {"x": "a" * 100_000}),
        ("{{ x" + "|replace('a', 'aa')" * 25 + "|length }}", {"x": "a" * 1000}),
        ("{{ x" + "|tojson" * 25 + "|length }}", {"x": '"' * 1000}),
        ("{{ x|truncate(10, true, '" + "y" * 90_000 + "')|length }}", {"x": "a" * 270_000}),
    ],
)  # fmt: skip
def test_what_would_take_too_long_or_too_much_is_stopped_early(
    source: str, values: dict[str, Any]
) -> None:
    message = failure_of(source, values)
    assert message is not None
    assert "needs the code sandbox" in message


@pytest.mark.parametrize(
    "source",
    [
        "{{ name.__class__ }}", "{{ name['__class__'] }}", "{{ words.__class__.__mro__ }}",
        "{{ [1]|map(attribute='__class__')|list }}", "{{ users|map(attribute='__class__')|first }}",
        "{{ words.append.__self__ }}", "{{ cycler.__init__ }}", "{{ joiner }}", "{{ lipsum }}",
        "{{ dict }}", "{{ loop }}", "{{ namespace }}", "{{ range }}", "{{ ''.format.__globals__ }}",
    ],
)  # fmt: skip
def test_nothing_leads_out_of_the_values(source: str) -> None:
    try:
        text = render(source)
    except TemplateFailed as error:
        text = str(error)
    assert not any(word in text for word in ("<class", "<built-in", "module", "0x"))


def test_inputs_are_not_changed() -> None:
    values = {"words": ["b", "a"], "user": {"name": "x"}}
    render("{{ words|sort }}{{ words|reverse|list }}{% set words = 1 %}{{ user|dictsort }}", values)
    assert {"words": ["b", "a"], "user": {"name": "x"}} == values
