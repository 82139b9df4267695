"""When sessions activate, against the definition of `workflow-dsl §13.2`: all simple paths from the
root, and the blocking edges on each."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from graphmill.engine.graph import Edge, Graph, GraphNode, NodeClass, build_graph
from graphmill.engine.streaming import ResponseStream, StreamFilter, plan_streams
from graphmill.variables.pool import Pool

BLOCKING = (NodeClass.BRANCH, NodeClass.CONTAINER, NodeClass.RESPONSE)
VARIABLE = ("conversation", "c")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Small graphs of all kinds of nodes, cycles and doubled edges included."""
    size = draw(st.integers(2, 7))
    classes = [
        NodeClass.ROOT,
        *draw(
            st.lists(
                st.sampled_from((NodeClass.EXECUTABLE, *BLOCKING)),
                min_size=size - 1,
                max_size=size - 1,
            )
        ),
    ]
    names = draw(st.permutations("abcdefg"[:size]))
    nodes = [
        GraphNode(index, name, "scripted", name, node_class)
        for index, (name, node_class) in enumerate(zip(names, classes, strict=True))
    ]
    number = st.integers(0, size - 1)
    ends = draw(st.lists(st.tuples(number, number), max_size=12))
    edges = [Edge(index, source, target, "source") for index, (source, target) in enumerate(ends)]
    return build_graph(nodes, edges, root=0)


def simple_paths(graph: Graph, target: int, *path: int, at: int = 0) -> Iterator[list[Edge]]:
    """All paths of edges from `at` to `target` that visit no node twice."""
    if at == target:
        yield []
        return
    for edge in graph.outgoing[at]:
        if edge.target not in (*path, at):
            for rest in simple_paths(graph, target, *path, at, at=edge.target):
                yield [edge, *rest]


def is_reachable(graph: Graph, node: int, writers: set[int], taken: set[int]) -> bool:
    def blocks(edge: Edge) -> bool:
        if edge.index in taken:
            return False
        return graph.nodes[edge.source].node_class in BLOCKING or edge.source in writers

    return any(not any(map(blocks, path)) for path in simple_paths(graph, node))


@settings(max_examples=400, deadline=None)
@given(graph=graphs(), data=st.data())
def test_sessions_activate_as_soon_as_a_path_has_no_blocking_edge(
    graph: Graph, data: st.DataObject
) -> None:
    responses = [node for node in graph.nodes if node.node_class is NodeClass.RESPONSE]
    readers = {node.index for node in responses if data.draw(st.booleans(), label="reads c")}
    writers = {
        node.index
        for node in graph.nodes
        if node.node_class is NodeClass.EXECUTABLE and data.draw(st.booleans(), label="writes c")
    }
    plan = plan_streams(
        graph,
        graph.root,
        [
            ResponseStream(
                node.index, node.id, (node.id, VARIABLE) if node.index in readers else (node.id,)
            )
            for node in responses
        ],
        {node: frozenset({VARIABLE}) for node in writers},
    )
    shown = StreamFilter(plan, Pool({"conversation": {"c": "-"}}), lambda node: False)
    waiting = sorted(responses, key=lambda node: node.id)
    reached, taken = {graph.root}, set[int]()

    while edges := [
        edge for edge in graph.edges if edge.source in reached and edge.index not in taken
    ]:
        edge = data.draw(st.sampled_from(edges))
        reached.add(edge.target)
        taken.add(edge.index)
        due = [
            node
            for node in waiting
            if is_reachable(graph, node.index, writers if node.index in readers else set(), taken)
        ]
        waiting = [node for node in waiting if node not in due]
        expected = "".join(f"{node.id}-" if node.index in readers else node.id for node in due)
        assert expected == "".join(chunk.text for chunk in shown.edges_taken([edge]))
