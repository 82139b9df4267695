"""document-extractor: the text of a file, or of each file of a list (`nodes §17`)."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.errors import DocumentUnreadable
from graphmill.nodes.base import NodeData, NodePorts, NodeType, SelectorField
from graphmill.ports.documents import DocumentReader
from graphmill.variables.files import File
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value


class DocumentExtractorData(NodeData):
    variable_selector: SelectorField


class DocumentExtractor:
    def __init__(self, data: DocumentExtractorData, documents: DocumentReader) -> None:
        self._selector = data.variable_selector
        self._documents = documents

    async def run(self, context: NodeContext) -> Outcome:
        selector: list[Value] = list(self._selector)
        value = context.pool.find(self._selector)
        if isinstance(value, Missing):
            return Failed(f"File variable not found for selector: {selector}")
        files: list[Value] = [value]
        if isinstance(value, list):
            files = [item for item in value if item is not None]
        if value and not all(isinstance(file, File) for file in files):
            return Failed(f"Variable {selector} is not an ArrayFileSegment")
        inputs: dict[str, Value] = {"variable_selector": selector}
        process_data: dict[str, Value] = {"documents": files}
        try:
            texts: list[Value] = [await self._text_of(file) for file in files]
        except DocumentUnreadable as error:
            return Failed(str(error), inputs=inputs, process_data=process_data)
        text = texts if isinstance(value, list) else texts[0]
        return Succeeded({"text": text}, inputs, process_data)

    async def _text_of(self, value: Value) -> str:
        if not isinstance(value, File):
            # Dify's words, for an optional file that was not sent.
            raise DocumentUnreadable(f"Unsupported variable type: {type(value)}")
        return await self._documents.text_of(value)


def _build(node_id: str, data: DocumentExtractorData, ports: NodePorts) -> DocumentExtractor:
    return DocumentExtractor(data, ports.documents)


def _output_names(data: DocumentExtractorData) -> frozenset[str]:
    return frozenset({"text"})


def _reads(data: DocumentExtractorData) -> tuple[Selector, ...]:
    return (data.variable_selector,)


DOCUMENT_EXTRACTOR: Final = NodeType(
    "document-extractor",
    DocumentExtractorData,
    _build,
    output_names=_output_names,
    reads=_reads,
)
