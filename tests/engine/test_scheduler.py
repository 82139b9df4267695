"""The rules of traversal (`workflow-dsl §9`) as dialogues: what has finished → what follows.

`a` says that node a finished and all its edges are followed, `a:h` that only handle `h` is. The
answer names the nodes that are ready, and with a minus those that will never run.
"""

import pytest

from graphmill.engine.graph import Graph, GraphNode, NodeClass
from graphmill.engine.scheduler import Decision, Scheduler
from tests.engine.sketch import draw

Dialogue = list[tuple[str, str]]


def graph_of(edges: str, *, more: str = "", inactive_roots: str = "") -> Graph:
    """The nodes are those that `edges` and `more` mention, in that order; the first is the root."""
    ids: dict[str, None] = {"start": None}
    for edge in edges.split():
        source, target = edge.split(">")
        ids |= {source.partition(":")[0]: None, target: None}
    ids |= dict.fromkeys(more.split())
    nodes = [
        GraphNode(index, node_id, "scripted", node_id, NodeClass.EXECUTABLE)
        for index, node_id in enumerate(ids)
    ]
    numbers = {node.id: node.index for node in nodes}
    return draw(edges, *nodes, inactive_roots=[numbers[name] for name in inactive_roots.split()])


def answer(graph: Graph, decision: Decision) -> str:
    skipped = [f"-{graph.nodes[node].id}" for node in decision.skipped]
    ready = [graph.nodes[node].id for node, _ in decision.ready]
    return " ".join(skipped + ready)


def hold(graph: Graph, dialogue: Dialogue) -> Dialogue:
    """Say to a new scheduler what `dialogue` says; the same dialogue with its answers."""
    scheduler = Scheduler(graph)
    numbers = {node.id: node.index for node in graph.nodes}
    held = []
    for said, _ in dialogue:
        if said == "begin":
            decision = scheduler.start(graph.root)
        else:
            node_id, _, handle = said.partition(":")
            decision = scheduler.complete(numbers[node_id], handle or None)
        held.append((said, answer(graph, decision)))
    return held


@pytest.mark.parametrize(
    ("edges", "dialogue"),
    [
        pytest.param("", [("begin", "start"), ("start", "")], id="only a root"),
        pytest.param(
            "start>a a>b",
            [("begin", "start"), ("start", "a"), ("a", "b"), ("b", "")],
            id="chain",
        ),
        pytest.param(
            "start>b start>a a>e b>e",
            [("begin", "start"), ("start", "b a"), ("a", ""), ("b", "e")],
            id="a join waits for all its edges, successors come in the order of edges",
        ),
        pytest.param(
            "start>if if:true>a if:false>b a>e b>e",
            [("begin", "start"), ("start", "if"), ("if:true", "-b a"), ("a", "e")],
            id="a join runs when at least one edge was taken",
        ),
        pytest.param(
            "start>if if:true>a if:false>b b>c c>d b>e d>e",
            [("begin", "start"), ("start", "if"), ("if:true", "-b -c -d -e a")],
            id="skips go on behind a skipped node, depth first",
        ),
        pytest.param(
            "start>if if:true>a if:false>b b>c b>d c>x d>y",
            [("begin", "start"), ("start", "if"), ("if:true", "-b -c -x -d -y a")],
            id="one branch is skipped to its end before the next",
        ),
        pytest.param(
            "start>if if:1>a if:2>b if:1>b a>g b>g",
            [("begin", "start"), ("start", "if"), ("if:1", "a b"), ("a", ""), ("b", "g")],
            id="a skipped and a taken edge between the same nodes",
        ),
        pytest.param(
            "start>x start>if if:t>a x>b if:f>b",
            [("begin", "start"), ("start", "x if"), ("x", ""), ("if:t", "b a")],
            id="what a skip makes ready comes before what is taken",
        ),
        pytest.param(
            "start>if if:true>a a>e",
            [("begin", "start"), ("start", "if"), ("if:false", "-a -e")],
            id="a handle without an edge skips everything behind",
        ),
        pytest.param(
            "start>a start>a a>e",
            [("begin", "start"), ("start", "a"), ("a", "e")],
            id="a duplicated edge is two edges and the node runs once",
        ),
        pytest.param(
            "start>a a:odd>e",
            [("begin", "start"), ("start", "a"), ("a", "e")],
            id="handles do not matter when all are followed",
        ),
        pytest.param(
            "start>a a>b b>a b>e",
            [("begin", "start"), ("start", "")],
            id="a cycle is never entered",
        ),
        pytest.param(
            "start>a a>start a>e",
            [("begin", "start"), ("start", "a"), ("a", "e")],
            id="an edge back to the root does not run it again",
        ),
        pytest.param(
            "start>if if:t>a a>start if:f>b",
            [("begin", "start"), ("start", "if"), ("if:f", "-a b")],
            id="a skipped edge back to the root does not skip it",
        ),
        pytest.param(
            "start>a a>e z>e",
            [("begin", "start"), ("start", "a"), ("a", "")],
            id="behind a node that is never reached nothing runs",
        ),
    ],
)
def test_dialogue(edges: str, dialogue: Dialogue) -> None:
    assert dialogue == hold(graph_of(edges), dialogue)


@pytest.mark.parametrize(
    ("edges", "dialogue"),
    [
        pytest.param(
            "start>a s2>b a>e b>e",
            [("begin", "-s2 -b start"), ("start", "a"), ("a", "e")],
            id="what only the other root leads to is skipped, a join waits for the rest",
        ),
        pytest.param(
            "s2>a start>a a>e",
            [("begin", "-s2 start"), ("start", "a"), ("a", "e")],
            id="a node behind both roots runs",
        ),
        pytest.param(
            "s2>a a>b b>c",
            [("begin", "-s2 -a -b -c start"), ("start", "")],
            id="a whole branch behind the other root is skipped",
        ),
    ],
)
def test_other_roots_are_skipped_before_the_run(edges: str, dialogue: Dialogue) -> None:
    assert dialogue == hold(graph_of(edges, inactive_roots="s2"), dialogue)


def test_an_inactive_root_that_is_chosen_runs() -> None:
    graph = graph_of("start>a s2>b", inactive_roots="start s2")
    scheduler = Scheduler(graph)
    numbers = {node.id: node.index for node in graph.nodes}

    assert "-start -a s2" == answer(graph, scheduler.start(numbers["s2"]))


def test_a_ready_node_names_the_node_whose_edge_made_it_ready() -> None:
    graph = graph_of("start>a start>b a>e b>e")
    start, a, b, e = range(4)
    scheduler = Scheduler(graph)

    assert [(start, None)] == scheduler.start(start).ready
    assert [(a, start), (b, start)] == scheduler.complete(start, None).ready
    assert [] == scheduler.complete(b, None).ready
    assert [(e, a)] == scheduler.complete(a, None).ready


def test_a_node_made_ready_by_a_skip_names_the_node_that_leads_to_it() -> None:
    graph = graph_of("start>a start>if a>e if:t>e")
    start, a, if_, e = range(4)
    scheduler = Scheduler(graph)
    scheduler.start(start)
    scheduler.complete(start, None)
    scheduler.complete(a, None)

    assert [(e, a)] == scheduler.complete(if_, "f").ready


def test_taken_edges_are_told_in_their_order() -> None:
    graph = graph_of("start>if if:f>a if:t>b if:t>c")
    scheduler = Scheduler(graph)
    scheduler.start(0)
    scheduler.complete(0, None)

    assert [2, 3] == [edge.index for edge in scheduler.complete(1, "t").taken]


def test_skipped_nodes_are_known_as_such() -> None:
    graph = graph_of("start>if if:t>a if:f>b")
    scheduler = Scheduler(graph)
    scheduler.start(0)
    scheduler.complete(0, None)
    scheduler.complete(1, "t")

    assert [False, False, False, True] == [scheduler.is_skipped(node) for node in range(4)]


def test_schedulers_of_one_graph_do_not_know_each_other() -> None:
    graph = graph_of("start>if if:t>a if:f>b")
    first, second = Scheduler(graph), Scheduler(graph)
    for scheduler in (first, second):
        scheduler.start(0)
        scheduler.complete(0, None)

    assert "-b a" == answer(graph, first.complete(1, "t"))
    assert "-a b" == answer(graph, second.complete(1, "f"))


def test_a_chain_of_ten_thousand_nodes_is_skipped_without_recursion() -> None:
    length = 10_000
    chain = " ".join(f"n{number}>n{number + 1}" for number in range(length))
    graph = graph_of(f"start>if if:t>n0 {chain}")
    scheduler = Scheduler(graph)
    scheduler.start(0)
    scheduler.complete(0, None)

    assert length + 1 == len(scheduler.complete(1, "f").skipped)
