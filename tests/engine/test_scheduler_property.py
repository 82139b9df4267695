"""The scheduler against the rules of `workflow-dsl §9.2` written down naively, on random graphs."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from graphmill.engine.graph import Edge, Graph, GraphNode, NodeClass, build_graph
from graphmill.engine.scheduler import Scheduler

HANDLES = ("source", "true", "false", "fail-branch")


@dataclass
class Rules:
    """`§9.2`, word by word: states in dicts, recursion, every question asked anew."""

    graph: Graph
    edges: dict[int, str] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)
    queue: list[int] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def incoming(self, node: int) -> list[Edge]:
        return [edge for edge in self.graph.edges if edge.target == node]

    def outgoing(self, node: int) -> list[Edge]:
        return [edge for edge in self.graph.edges if edge.source == node]

    def start(self, root: int) -> None:
        for node in self.graph.inactive_roots:
            if node != root:
                self.nodes[node] = "skipped"
                for edge in self.outgoing(node):
                    self.skip(edge)
        self.enqueue(root)

    def finish(self, node: int, handle: str | None) -> None:
        if handle is None:
            for edge in self.outgoing(node):
                self.take(edge)
            return
        for edge in self.outgoing(node):
            if edge.handle != handle:
                self.skip(edge)
        for edge in self.outgoing(node):
            if edge.handle == handle:
                self.take(edge)

    def take(self, edge: Edge) -> None:
        self.edges[edge.index] = "taken"
        if self.is_ready(edge.target):
            self.enqueue(edge.target)

    def skip(self, edge: Edge) -> None:
        self.edges[edge.index] = "skipped"
        states = [self.edges.get(other.index) for other in self.incoming(edge.target)]
        if None in states:
            return
        if "taken" in states:
            self.enqueue(edge.target)
        else:
            self.nodes[edge.target] = "skipped"
            for follower in self.outgoing(edge.target):
                self.skip(follower)

    def is_ready(self, node: int) -> bool:
        states = [self.edges.get(edge.index) for edge in self.incoming(node)]
        return None not in states and "taken" in states

    def enqueue(self, node: int) -> None:
        self.nodes[node] = "taken"
        self.queue.append(node)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Acyclic graphs of up to 30 nodes, some with several roots, unreachable nodes and doubled
    edges."""
    size = draw(st.integers(1, 30))
    node = st.integers(0, size - 1)
    roots = {0, *draw(st.sets(node, max_size=2))}
    drawn = draw(st.lists(st.tuples(node, node, st.sampled_from(HANDLES)), max_size=3 * size))
    ends = [
        (min(a, b), max(a, b), handle)
        for a, b, handle in drawn
        if a != b and max(a, b) not in roots
    ]
    edges = [Edge(index, *edge) for index, edge in enumerate(ends)]
    classes = draw(
        st.lists(
            st.sampled_from((NodeClass.EXECUTABLE, NodeClass.BRANCH)), min_size=size, max_size=size
        )
    )
    nodes = [
        GraphNode(index, str(index), "scripted", str(index), node_class)
        for index, node_class in enumerate(classes)
    ]
    return build_graph(nodes, edges, root=0, inactive_roots=sorted(roots))


@settings(max_examples=400, deadline=None)
@given(graph=graphs(), data=st.data())
def test_the_scheduler_follows_the_rules_and_every_node_ends_once(
    graph: Graph, data: st.DataObject
) -> None:
    scheduler, rules = Scheduler(graph), Rules(graph)
    decision = scheduler.start(graph.root)
    rules.start(graph.root)
    ready: list[int] = []
    running: list[int] = []
    skipped: list[int] = []
    taken: set[int] = set()

    while True:
        ready += [node for node, _ in decision.ready]
        running += [node for node, _ in decision.ready]
        skipped += decision.skipped
        taken |= {edge.index for edge in decision.taken}
        assert rules.queue == ready
        assert [node for node, state in rules.nodes.items() if state == "skipped"] == skipped
        assert {edge for edge, state in rules.edges.items() if state == "taken"} == taken
        if not running:
            break
        node = running.pop(data.draw(st.integers(0, len(running) - 1)))
        handle = data.draw(st.sampled_from(HANDLES)) if graph.nodes[node].branches else None
        decision = scheduler.complete(node, handle)
        rules.finish(node, handle)

    ended = ready + skipped
    assert len(set(ended)) == len(ended), "a node ended twice"
    for node in ready:
        states = [rules.edges[edge.index] for edge in rules.incoming(node)]
        assert node == graph.root or "taken" in states, "a node ran that nothing led to"
    for node in skipped:
        states = [rules.edges[edge.index] for edge in rules.incoming(node)]
        assert "taken" not in states, "a node was skipped that something led to"
    assert len(graph.nodes) == len(ended) or has_unreached_root(graph), "a node was forgotten"


def has_unreached_root(graph: Graph) -> bool:
    """Is there a node without incoming edges that no run starts at?"""
    starts = {graph.root, *graph.inactive_roots}
    return any(degree == 0 and node not in starts for node, degree in enumerate(graph.in_degrees))
