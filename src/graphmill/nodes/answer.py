"""answer: what the app says at this point of a turn (`nodes §3`)."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.engine.streaming import Segment
from graphmill.nodes.base import NodeData, NodePorts, NodeType
from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Value, render_markdown


class AnswerData(NodeData):
    answer: str


class Answer:
    def __init__(self, template: Template) -> None:
        self._template = template

    def run(self, context: NodeContext) -> Outcome:
        pool = context.pool
        return Succeeded(
            {
                "answer": self._template.render(pool, render_markdown),
                "files": _files(self._template.selectors, pool),
            }
        )


def _files(selectors: tuple[Selector, ...], pool: Pool) -> list[Value]:
    """Of all references that are a file or a list of files."""
    files: list[Value] = []
    for selector in selectors:
        value = pool.find(selector)
        items = value if isinstance(value, list) else [value]
        files += [item for item in items if isinstance(item, File)]
    return files


def _build(node_id: str, data: AnswerData, ports: NodePorts) -> Answer:
    return Answer(Template.parse(data.answer))


def _output_names(data: AnswerData) -> frozenset[str]:
    return frozenset({"answer", "files"})


def _reads(data: AnswerData) -> tuple[Selector, ...]:
    return Template.parse(data.answer).selectors


def _stream_template(data: AnswerData) -> tuple[Segment, ...]:
    return Template.parse(data.answer).segments


ANSWER: Final = NodeType(
    "answer",
    AnswerData,
    _build,
    node_class=NodeClass.RESPONSE,
    output_names=_output_names,
    reads=_reads,
    stream_template=_stream_template,
)
