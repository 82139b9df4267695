"""end: what the run gives out (`nodes §2`)."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.engine.streaming import Segment
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value


class EndOutput(Section):
    variable: str
    value_selector: SelectorField


class EndData(NodeData):
    outputs: tuple[EndOutput, ...]


class End:
    def __init__(self, data: EndData) -> None:
        self._outputs = tuple((each.variable, each.value_selector) for each in data.outputs)

    def run(self, context: NodeContext) -> Outcome:
        find = context.pool.find
        outputs: dict[str, Value] = {}
        for name, selector in self._outputs:
            value = find(selector)
            outputs[name] = None if isinstance(value, Missing) else value
        return Succeeded(outputs, outputs)


def _build(node_id: str, data: EndData, ports: NodePorts) -> End:
    return End(data)


def _output_names(data: EndData) -> frozenset[str]:
    return frozenset(each.variable for each in data.outputs)


def _reads(data: EndData) -> tuple[Selector, ...]:
    return tuple(each.value_selector for each in data.outputs if each.value_selector)


def _stream_template(data: EndData) -> tuple[Segment, ...]:
    """All outputs, a line break between two of them (`workflow-dsl §13.1`)."""
    segments: list[Segment] = []
    for selector in _reads(data):
        segments += [selector, "\n"]
    return tuple(segments[:-1])


END: Final = NodeType(
    "end",
    EndData,
    _build,
    node_class=NodeClass.RESPONSE,
    output_names=_output_names,
    reads=_reads,
    stream_template=_stream_template,
)
