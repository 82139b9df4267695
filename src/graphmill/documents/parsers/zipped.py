"""Archives of XML: e-books (.epub) and OpenDocument texts (.odt)."""

import posixpath
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from graphmill.documents.parsers.html import text_of_html
from graphmill.documents.parsers.tables import text_table
from graphmill.documents.parsers.text import decode

_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"


def parse_epub(content: bytes) -> str:
    """Its chapters in reading order."""
    with ZipFile(BytesIO(content)) as archive:
        container = _read_xml(archive, "META-INF/container.xml")
        path = _required(container.find(".//{*}rootfile"), "full-path")
        package = _read_xml(archive, path)
        files = {
            _required(item, "id"): _required(item, "href")
            for item in package.iterfind("{*}manifest/{*}item")
        }
        folder = posixpath.dirname(path)
        chapters = (
            archive.read(posixpath.normpath(posixpath.join(folder, unquote(files[chapter]))))
            for item in package.iterfind("{*}spine/{*}itemref")
            if (chapter := item.get("idref")) in files
        )
        return "\n".join(filter(None, (text_of_html(decode(chapter)) for chapter in chapters)))


def _read_xml(archive: ZipFile, name: str) -> Element:
    try:
        root: Element = fromstring(archive.read(name))
    except DefusedXmlException as error:
        raise ValueError("it has entities of its own, which are not read") from error
    return root


def _required(element: Element | None, attribute: str) -> str:
    value = None if element is None else element.get(attribute)
    if value is None:
        raise ValueError(f"its table of contents has no {attribute!r} where it must have one")
    return value


def parse_odt(content: bytes) -> str:
    """Paragraphs and tables in the order of the document."""
    with ZipFile(BytesIO(content)) as archive:
        document = _read_xml(archive, "content.xml")
    body = document.find(f"{_OFFICE}body/{_OFFICE}text")
    if body is None:
        raise ValueError("it is no text document")
    return "\n".join(_blocks(body)).strip()


def _blocks(parent: Element) -> Iterator[str]:
    for element in parent:
        match element.tag.removeprefix(_TEXT):
            case "p" | "h":
                yield "".join(_inline(element))
            case "tracked-changes":
                # What was deleted, for whoever looks at the history.
                pass
            case _ if element.tag == f"{_TABLE}table":
                if table := text_table([*map(_cells, element.iter(f"{_TABLE}table-row"))]):
                    yield table
            case _:
                yield from _blocks(element)


def _cells(row: Element) -> list[str]:
    return ["\n".join(_blocks(cell)) for cell in row.iterfind(f"{_TABLE}table-cell")]


def _inline(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        match child.tag.removeprefix(_TEXT):
            case "s":
                yield " " * min(int(child.get(f"{_TEXT}c", "1")), 1000)
            case "tab":
                yield "\t"
            case "line-break":
                yield "\n"
            case "note":
                pass
            case _:
                yield from _inline(child)
        yield child.tail or ""
