import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphmill.cli.graph import draw
from graphmill.cli.layout import place_nodes
from graphmill.cli.mermaid import to_mermaid
from graphmill.cli.svg import to_svg
from graphmill.dsl.load import load_workflow
from graphmill.errors import WorkflowInvalid
from tests.dsl.files import START, edges, load, node, workflow_text

APPS = Path(__file__).parents[1] / "conformance/apps"
SVG = "{http://www.w3.org/2000/svg}"

NODES = [
    START,
    node("c", "if-else", title="Choose"),
    node("i", "iteration", title="Each", start_node_id="s"),
    node("s", "iteration-start", parent_id="i"),
    node("a", "template-transform", title="Shout", parent_id="i"),
    node("e", "end", title="Out"),
]
LINKS = edges("start>c", "c:true>i", "c:false>e", "s>a", "i>e", "c>nowhere")


def at(raw, x, y, width=244, height=90):
    """A node with a place on the canvas."""
    return {**raw, "position": {"x": x, "y": y}, "width": width, "height": height}


def texts(svg, kind):
    return [each.text for each in svg.iter(f"{SVG}text") if each.get("class") == kind]


def test_mermaid_draws_nodes_boxes_and_handles():
    assert """\
flowchart LR
    n0(["Start<br>start"])
    n1{"Choose<br>if-else"}
    subgraph n2["Each<br>iteration"]
        n3["s<br>iteration-start"]
        n4["Shout<br>template-transform"]
    end
    n5(["Out<br>end"])
    n0 --> n1
    n1 -->|"true"| n2
    n1 -->|"false"| n5
    n3 --> n4
    n2 --> n5
""" == to_mermaid(load(NODES, LINKS))


HOSTILE = 'a"] --> x; %%{init: {}}%% <b>`#"\n\x07end & é 漢'


def test_no_title_and_no_handle_ends_its_label_in_mermaid():
    nodes = [START, node("e", "end", title=HOSTILE)]
    text = to_mermaid(
        load(nodes, [*edges("start>e"), {"source": "start", "sourceHandle": '|"', "target": "e"}])
    )
    *_, labelled, _, edge = text.splitlines()
    assert '    n0 -->|"#124;#34;"| n1' == edge
    label = re.fullmatch(r'    n1\(\["(.*)<br>end"\]\)', labelled)[1]
    assert not set(label) & set('"`<>{}[]%|\n\x07')
    assert label.endswith("end #38; é 漢")


def test_an_svg_shows_titles_types_and_handles():
    svg = ElementTree.fromstring(to_svg(load(NODES, LINKS)))
    assert "Test" == svg.find(f"{SVG}title").text
    assert {"Start", "Choose", "Each", "s", "Shout", "Out"} == set(texts(svg, "title"))
    assert {"start", "if-else", "iteration", "iteration-start", "template-transform", "end"} == set(
        texts(svg, "type")
    )
    assert ["true", "false"] == texts(svg, "handle")
    assert 5 == len(svg.findall(f"{SVG}path"))
    assert ["container", "root", "node", "node", "node", "response"] == sorted(
        (each.get("class") for each in svg.findall(f"{SVG}g")),
        key=["container", "root", "node", "response"].index,
    )


def test_an_svg_refers_to_nothing_outside():
    text = to_svg(load(NODES, LINKS))
    assert ["http://www.w3.org/2000/svg"] == re.findall(r"https?:[^\"]*", text)
    assert "<script" not in text


def test_hostile_titles_stay_text_in_an_svg():
    title = "</text><script>alert(1)</script>&\x00\x07" + "x" * 500
    nodes = [START, node("e", "end", title=title)]
    svg = ElementTree.fromstring(to_svg(load(nodes)))
    assert [] == list(svg.iter(f"{SVG}script"))
    (shown,) = (text for text in texts(svg, "title") if text != "Start")
    assert shown.startswith("</text><script>")
    assert shown.endswith("…")
    assert len(shown) < 40


def boxes(*args):
    placed = place_nodes(load(*args))
    return {name: (box.x, box.y, box.width, box.height) for name, box in placed.items()}


def test_nodes_stand_where_the_editor_put_them():
    nodes = [
        at(START, -50, 10),
        at(node("i", "iteration", start_node_id="s"), 300, 0, 600, 300),
        at(node("s", "iteration-start", parent_id="i"), 20, 80, 44, 48),
        at(node("l", "loop", parent_id="i", start_node_id="t"), 100, 100, 400, 180),
        at(node("t", "loop-start", parent_id="l"), 10, 60, 44, 48),
    ]
    assert {
        "start": (-50, 10, 244, 90),
        "i": (300, 0, 600, 300),
        "s": (320, 80, 44, 48),
        "l": (400, 100, 400, 180),
        "t": (410, 160, 44, 48),
    } == boxes(nodes)


@pytest.mark.parametrize(
    "places",
    [
        [None, (0, 0), (300, 0)],
        [(0, 0), (0, 0), (300, 0)],
        [(0, 0), (300, 0), (1e300, 0)],
        [(0, 0), (300, 0), (float("inf"), 0)],
        [(0, 0), (300, 0), ("left", "top")],
    ],
    ids=["one is missing", "two are the same", "far away", "infinite", "text"],
)
def test_without_a_place_for_each_node_they_stand_in_columns(places):
    nodes = [START, node("a", "end"), node("b", "end")]
    placed = [
        raw if place is None else at(raw, *place) for raw, place in zip(nodes, places, strict=True)
    ]
    assert {
        "start": (0, 0, 244, 90),
        "a": (324, 0, 244, 90),
        "b": (324, 130, 244, 90),
    } == boxes(placed, edges("start>a", "start>b"))


def test_nodes_that_stick_out_of_their_iteration_are_placed_anew():
    nodes = [
        at(START, 0, 0),
        at(node("i", "iteration", start_node_id="s"), 300, 0),
        at(node("s", "iteration-start", parent_id="i"), 2000, 0),
    ]
    placed = boxes(nodes, edges("start>i"))
    x, y, width, height = placed["i"]
    inner_x, inner_y, inner_width, inner_height = placed["s"]
    assert x < inner_x
    assert inner_x + inner_width < x + width
    assert y < inner_y
    assert inner_y + inner_height < y + height


def test_columns_follow_the_longest_path_and_cycles_stand_together():
    nodes = [START, *(node(name, "end") for name in "abcd")]
    links = edges("start>a", "start>b", "a>b", "b>c", "c>b", "c>d")
    columns = {name: box[0] // 324 for name, box in boxes(nodes, links).items()}
    assert {"start": 0, "a": 1, "b": 2, "c": 2, "d": 3} == columns


def test_exits_of_one_node_leave_at_different_heights():
    nodes = [START, node("c", "if-else"), node("a", "end"), node("b", "end")]
    svg = ElementTree.fromstring(to_svg(load(nodes, edges("c:x>a", "c:y>b", "c:x>b"))))
    starts = [path.get("d").split(" C")[0] for path in svg.findall(f"{SVG}path")]
    assert starts[0] == starts[2] != starts[1]


def test_deep_nesting_is_drawn():
    nodes = [START, *(node(f"l{n}", "loop", parent_id=f"l{n - 1}") for n in range(1, 1200))]
    workflow = load(nodes)
    assert len(workflow.nodes) == len(place_nodes(workflow))
    assert to_mermaid(workflow).count("subgraph") == 1199


@pytest.mark.parametrize("format", ["mermaid", "svg"])
def test_an_empty_graph_is_a_picture_too(format, tmp_path):
    (tmp_path / "empty.yml").write_text(workflow_text([]))
    picture = draw(tmp_path / "empty.yml", format)
    assert picture.startswith({"mermaid": "flowchart", "svg": "<svg"}[format])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file"), ("- a", "content must be a mapping")],
)
def test_a_file_that_is_no_workflow_cannot_be_drawn(content, message, tmp_path):
    if content is not None:
        (tmp_path / "a.yml").write_text(content)
    with pytest.raises(WorkflowInvalid, match=message):
        draw(tmp_path / "a.yml", "svg")


@pytest.mark.parametrize("path", sorted(APPS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_conformance_app_is_drawn_whole(path):
    workflow = load_workflow(path.read_bytes()).workflow
    svg = ElementTree.fromstring(draw(path, "svg"))
    assert len(workflow.nodes) == len(svg.findall(f"{SVG}g"))
    assert len(workflow.edges) == len(svg.findall(f"{SVG}path"))
    assert len(workflow.edges) == draw(path, "mermaid").count("-->")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_picture_that_can_be_parsed(title, kind, handle):
    nodes = [START, node("n", kind or "end", title=title)]
    links = [{"source": "start", "sourceHandle": handle, "target": "n"}]
    loaded = load_workflow(workflow_text(nodes, links))
    assert loaded.workflow is not None
    ElementTree.fromstring(to_svg(loaded.workflow))
    assert 4 == len(to_mermaid(loaded.workflow).splitlines())
