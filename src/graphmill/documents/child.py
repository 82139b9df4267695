"""What runs in the sandbox: one document in, its text out.

This module and the parsers are imported before the walls go up; later no file can be read, so
nothing may be imported on first use.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from graphmill.documents.kinds import Kind
from graphmill.documents.parsers.data import parse_csv, parse_json, parse_properties, parse_yaml
from graphmill.documents.parsers.excel import parse_excel
from graphmill.documents.parsers.mail import parse_eml, parse_msg
from graphmill.documents.parsers.openxml import parse_docx, parse_pptx
from graphmill.documents.parsers.pdf import parse_pdf
from graphmill.documents.parsers.powerpoint import parse_ppt
from graphmill.documents.parsers.text import decode
from graphmill.documents.parsers.vtt import parse_vtt
from graphmill.documents.parsers.word import parse_doc
from graphmill.documents.parsers.zipped import parse_epub, parse_odt

Parse: TypeAlias = Callable[[bytes], str]

PARSERS: Final[Mapping[Kind, tuple[Parse, str]]] = {
    Kind.TEXT: (decode, "Failed to decode plain text file"),
    Kind.JSON: (parse_json, "Failed to decode or parse JSON file"),
    Kind.YAML: (parse_yaml, "Failed to decode or parse YAML file"),
    Kind.CSV: (parse_csv, "Failed to extract text from CSV"),
    Kind.PROPERTIES: (parse_properties, "Failed to extract text from properties file"),
    Kind.VTT: (parse_vtt, "Failed to extract text from VTT file"),
    Kind.PDF: (parse_pdf, "Failed to extract text from PDF"),
    Kind.DOCX: (parse_docx, "Failed to extract text from DOCX"),
    Kind.DOC: (parse_doc, "Failed to extract text from DOC"),
    Kind.EXCEL: (parse_excel, "Failed to extract text from Excel file"),
    Kind.PPTX: (parse_pptx, "Failed to extract text from PPTX"),
    Kind.PPT: (parse_ppt, "Failed to extract text from PPT"),
    Kind.ODT: (parse_odt, "Failed to extract text from ODT"),
    Kind.EPUB: (parse_epub, "Failed to extract text from EPUB"),
    Kind.EML: (parse_eml, "Failed to extract text from EML"),
    Kind.MSG: (parse_msg, "Failed to extract text from MSG"),
}
"""How each kind is parsed, and how Dify begins to say that it cannot be."""


def main(kind: str, content: str) -> dict[str, str]:
    """`content` is in Base64. The answer has `text`, or `refusal`: what is wrong with the document.

    Raises MemoryError."""
    parse, complaint = PARSERS[Kind(kind)]
    try:
        return {"text": parse(b64decode(content))}
    except MemoryError:
        raise
    except RecursionError:
        return {"refusal": f"{complaint}: it is nested too deeply"}
    # Parsers of broken files raise whatever they stumble over.
    except Exception as error:
        return {"refusal": f"{complaint}: {str(error) or type(error).__name__}"}
