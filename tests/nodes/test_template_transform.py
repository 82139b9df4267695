"""template-transform: what its template is given, and what it ends with (`nodes §9`)."""

import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.nodes.registry import NODE_TYPES
from graphmill.variables.files import File
from tests.nodes.running import run_node, validated

NOTES = File("document", "local_file", "notes.txt", ".txt", "text/plain", 11, related_id="f-1")


def template(text, **selectors):
    return {
        "template": text,
        "variables": [
            {"variable": name, "value_selector": selector} for name, selector in selectors.items()
        ],
    }


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("Hi {{ n }} {{ m }}", "Hi Bob None"),
        ("{{ undefinedvar }}!", "!"),
        ("{{ n }} {{ i }} {{ f }} {{ b }} {{ o }} {{ l }}", "Bob 3 3.0 True {'k': None} ['x']"),
        ("\n  a  \n\n  b\n", "\n  a  \n\n  b"),
        ("{{ n|upper }}{% if b %}+{% endif %}", "BOB+"),
        ("{% raw %}{{ n }}{% endraw %} {{ '{{#start.n#}}' }}", "{{ n }} {{#start.n#}}"),
    ],
    ids=["missing variable", "undefined name", "python spelling", "last newline", "jinja", "raw"],
)
def test_the_output_is_the_rendered_template(text, output):
    start = {"n": "Bob", "i": 3, "f": 3.0, "b": True, "o": {"k": None}, "l": ["x"]}
    selectors = {name: ["start", name] for name in (*start, "m")}

    inputs = {**start, "m": None}
    assert run_node("template-transform", template(text, **selectors), {"start": start}) == (
        Succeeded({"output": output}, inputs)
    )


def test_files_are_mappings_for_the_template_and_files_for_the_record():
    data = template(
        "{{ f.filename }} {{ fs|length }} {{ fs[0].size }} {{ o.file.type }}",
        f=["start", "f"],
        fs=["start", "fs"],
        o=["start", "o"],
    )
    start = {"f": NOTES, "fs": [NOTES], "o": {"file": NOTES}}

    assert run_node("template-transform", data, {"start": start}) == (
        Succeeded({"output": "notes.txt 1 11 document"}, start)
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{ n.attr.deep }}", "has no attribute 'attr'"),
        ("{% if %}", "Expected an expression"),
        ("{{ n.upper() }}", "needs the code sandbox"),
        ("{{ n }}" * 5, "Output length exceeds 400000 characters"),
    ],
    ids=["undefined", "syntax", "beyond bounds", "too long"],
)
def test_a_template_that_fails_keeps_its_inputs_and_has_no_error_type(text, error):
    start = {"n": "x" * 100_000}

    outcome = run_node("template-transform", template(text, n=["start", "n"]), {"start": start})

    assert isinstance(outcome, Failed)
    assert error in outcome.error
    assert ("", start, {}, {}) == (
        outcome.error_type,
        outcome.inputs,
        outcome.process_data,
        outcome.outputs,
    )


def test_a_template_node_does_not_try_again():
    assert not NODE_TYPES["template-transform"].retries


def test_a_template_node_says_what_it_reads_and_makes():
    kind = NODE_TYPES["template-transform"]
    data = validated(kind, template("", a=["start", "a"], b=["c", "r", "k"]))

    assert (("start", "a"), ("c", "r", "k")) == kind.reads(data)
    assert frozenset({"output"}) == kind.output_names(data)
