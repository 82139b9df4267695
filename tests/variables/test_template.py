import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.template import Template
from graphmill.variables.values import render_markdown

PICTURE = File(
    "image", "remote_url", filename="x.png", extension=".png", size=10, remote_url="http://h/x.png"
)
LONG = "n" * 30


def rendered(text, start, render=None):
    pool = Pool({"start": start, "no-de": {"x": "never"}})
    template = Template.parse(text)
    return template.render(pool) if render is None else template.render(pool, render)


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("x {{#nope.y#}} z", {}, "x nope.y z"),
        ("x {{nope}} {{#nope#}} {{# start.q #}} z", {"q": "Q"}, None),
        ("{{#start.o.k.j#}} {{#start.o.z#}}", {"o": {"k": {"j": 1}}}, "1 start.o.z"),
        ("{{#start.o.l.0#}}", {"o": {"l": [5]}}, None),
        (f"{{{{#start.{LONG}#}}}}", {LONG: "R"}, "R"),
        (f"{{{{#start.{LONG}n#}}}}", {LONG + "n": "R"}, None),
        ("{{#no-de.x#}}", {}, None),
        (
            "{{#start.f.name#}} {{#start.f.size#}} {{#start.f.type#}} "
            "{{#start.f.extension#}} {{#start.f.foo#}}",
            {"f": PICTURE},
            "x.png 10 image .png start.f.foo",
        ),
        ("{{#start.q#}}", {"q": "{{#start.r#}}", "r": "R"}, "{{#start.r#}}"),
        ("[{{#start.n#}}]", {"n": None}, "[]"),
        (
            "{{#start.b#}} {{#start.f#}} {{#start.g#}} {{#start.n#}}!",
            {"b": True, "f": 3.0, "g": 1e20, "n": None},
            "True 3.0 1e+20 !",
        ),
        ("start.q", {"q": "Q"}, None),
        ("{{#start.q\n#}}", {"q": "Q"}, None),
        ("", {}, ""),
    ],
    ids=[
        "V1 missing", "V2 no references", "V7 path", "V8 digit", "V10 thirty characters",
        "V10 thirty-one", "V11 hyphen", "V12 file attributes", "V16 no recursion", "V17 none",
        "V6 scalars", "literal that is a selector", "line break", "empty",
    ],
)  # fmt: skip
def test_rendering_as_text(text, start, expected):
    assert (text if expected is None else expected) == rendered(text, start)


@pytest.mark.parametrize(
    ("value", "text", "markdown"),
    [
        ({"k": "é"}, '{"k": "é"}', '{\n  "k": "é"\n}'),
        (["a", "é"], '["a", "é"]', "- a\n- é"),
    ],
    ids=["V3 object", "V4 list"],
)
def test_answers_render_as_markdown(value, text, markdown):
    assert text == rendered("{{#start.v#}}", {"v": value})
    assert markdown == rendered("{{#start.v#}}", {"v": value}, render_markdown)


def test_logs_mask_secrets_and_nothing_else_does():
    template = Template.parse("key={{#env.K#}} name={{#env.N#}} {{#env.X#}}")
    pool = Pool({"env": {"K": "secretkey123", "N": "plain name"}}, secrets=frozenset({"K"}))

    assert template.render(pool) == "key=secretkey123 name=plain name env.X"
    assert template.render_log(pool) == "key=secret************23 name=plain name env.X"


def test_a_template_is_split_into_texts_and_selectors():
    template = Template.parse("a {{#n1.x#}}{{#n2.y.z#}} b")

    assert template.segments == ("a ", ("n1", "x"), ("n2", "y", "z"), " b")
    assert template.selectors == (("n1", "x"), ("n2", "y", "z"))


@given(st.text(alphabet="{}#.ab_0 \n-é"))
def test_any_text_can_be_parsed_and_rendered(text):
    template = Template.parse(text)
    pool = Pool({"a": {"b": "B"}})

    pieces = [
        segment if isinstance(segment, str) else "{{#" + ".".join(segment) + "#}}"
        for segment in template.segments
    ]
    assert text == "".join(pieces)
    assert isinstance(template.render(pool), str)
    assert isinstance(template.render_log(pool), str)
