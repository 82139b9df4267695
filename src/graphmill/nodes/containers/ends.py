"""The nodes inside an iteration or loop that stand for its ends (`nodes §16.2`, §16.3)."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.nodes.base import NodeData, NodePorts, NodeType


class Beginning:
    """Where rounds begin; the traversal passes over it."""

    def run(self, context: NodeContext) -> Outcome:
        return Succeeded({})


class LoopEndData(NodeData):
    loop_id: str = ""


class LoopEnd:
    """Lets its loop end with the round that is under way."""

    def __init__(self, data: LoopEndData) -> None:
        self._loop_id = data.loop_id

    def run(self, context: NodeContext) -> Outcome:
        return Succeeded({}, leaves=self._loop_id)


def _build_beginning(node_id: str, data: NodeData, ports: NodePorts) -> Beginning:
    return Beginning()


def _build_end(node_id: str, data: LoopEndData, ports: NodePorts) -> LoopEnd:
    return LoopEnd(data)


ITERATION_START: Final = NodeType(
    "iteration-start", NodeData, _build_beginning, node_class=NodeClass.ENTRY
)
LOOP_START: Final = NodeType("loop-start", NodeData, _build_beginning, node_class=NodeClass.ENTRY)
LOOP_END: Final = NodeType("loop-end", LoopEndData, _build_end)
