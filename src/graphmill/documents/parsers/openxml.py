"""Word and PowerPoint since 2007: .docx and .pptx."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final

import docx
import pptx
from docx.table import Table
from pptx.shapes.autoshape import Shape
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape

from graphmill.documents.parsers.ole import WrongFormat, check_not_ole
from graphmill.documents.parsers.tables import text_table

_OTHER: Final = "The file is broken, or of another format than its name says."
"""What the libraries call by the name of an object in memory."""


def parse_docx(content: bytes) -> str:
    """Paragraphs and tables in the order of the document."""
    check_not_ole(content)
    try:
        document = docx.Document(BytesIO(content))
    except ValueError as error:
        raise WrongFormat(_OTHER) from error
    texts = []
    for part in document.iter_inner_content():
        if not isinstance(part, Table):
            texts.append(part.text)
        elif table := text_table([[cell.text for cell in row.cells] for row in part.rows]):
            texts.append(table)
    return "\n".join(texts)


def parse_pptx(content: bytes) -> str:
    """Paragraphs and tables of each slide, from top to bottom."""
    check_not_ole(content)
    try:
        presentation = pptx.Presentation(BytesIO(content))
    except ValueError as error:
        raise WrongFormat(_OTHER) from error
    return "\n".join(text for slide in presentation.slides for text in _texts(slide.shapes))


def _texts(shapes: Iterable[BaseShape]) -> Iterator[str]:
    for shape in sorted(shapes, key=_place):
        if isinstance(shape, GroupShape):
            yield from _texts(shape.shapes)
        elif isinstance(shape, GraphicFrame) and shape.has_table:
            rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
            if table := text_table(rows):
                yield table
        elif isinstance(shape, Shape):
            lines = shape.text_frame.text.replace("\v", "\n").splitlines()
            yield from (line for line in lines if line.strip())


def _place(shape: BaseShape) -> tuple[int, int]:
    return shape.top or 0, shape.left or 0
