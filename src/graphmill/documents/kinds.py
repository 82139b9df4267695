"""Which files are documents, and how each is read: the table of `nodes §17`."""

from enum import StrEnum
from typing import Final

from graphmill.errors import DocumentUnreadable
from graphmill.media_types import bare_mime_type


class Kind(StrEnum):
    """A way to get at the text."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    PROPERTIES = "properties"
    VTT = "vtt"
    PDF = "pdf"
    DOCX = "docx"
    DOC = "doc"
    EXCEL = "excel"
    PPTX = "pptx"
    PPT = "ppt"
    ODT = "odt"
    EPUB = "epub"
    EML = "eml"
    MSG = "msg"


_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_EXTENSIONS: Final = {
    Kind.TEXT: (
        "txt markdown md mdx html htm xml vtt log ini cfg conf toml env css scss less sass sql "
        "c h cpp hpp cc cxx c++ py js ts jsx tsx java php rb go rs swift kt scala sh bash bat ps1 "
        "r m pl lua vim asm s"
    ),
    Kind.JSON: "json",
    Kind.YAML: "yaml yml",
    Kind.CSV: "csv",
    Kind.PROPERTIES: "properties",
    Kind.PDF: "pdf",
    Kind.DOCX: "docx",
    Kind.DOC: "doc",
    Kind.EXCEL: "xlsx xls",
    Kind.PPTX: "pptx",
    Kind.PPT: "ppt",
    Kind.ODT: "odt",
    Kind.EPUB: "epub",
    Kind.EML: "eml",
    Kind.MSG: "msg",
}
_MIME_TYPES: Final = {
    Kind.TEXT: "text/plain text/html text/htm text/markdown text/xml",
    Kind.JSON: "application/json",
    Kind.YAML: "application/yaml application/x-yaml text/yaml",
    Kind.CSV: "text/csv",
    Kind.PROPERTIES: "text/properties",
    Kind.VTT: "text/vtt",
    Kind.PDF: "application/pdf",
    Kind.DOCX: f"{_OFFICE}.wordprocessingml.document",
    Kind.DOC: "application/msword",
    Kind.EXCEL: f"{_OFFICE}.spreadsheetml.sheet application/vnd.ms-excel",
    Kind.PPTX: f"{_OFFICE}.presentationml.presentation",
    Kind.PPT: "application/vnd.ms-powerpoint",
    Kind.ODT: "application/vnd.oasis.opendocument.text",
    Kind.EPUB: "application/epub+zip",
    Kind.EML: "message/rfc822",
    Kind.MSG: "application/vnd.ms-outlook",
}
_BY_EXTENSION: Final = {
    f".{name}": kind for kind, names in _EXTENSIONS.items() for name in names.split()
}
_BY_MIME_TYPE: Final = {name: kind for kind, names in _MIME_TYPES.items() for name in names.split()}


def kind_of(extension: str | None, mime_type: str | None) -> Kind:
    """By the extension (with its dot) if there is one, else by MIME type.

    Raises DocumentUnreadable."""
    if extension:
        if extension not in _BY_EXTENSION:
            raise DocumentUnreadable(f"Unsupported Extension Type: {extension}")
        return _BY_EXTENSION[extension]
    if mime_type:
        bare = bare_mime_type(mime_type)
        if bare not in _BY_MIME_TYPE:
            raise DocumentUnreadable(f"Unsupported MIME type: {mime_type}")
        return _BY_MIME_TYPE[bare]
    raise DocumentUnreadable(
        "Unable to determine file type: MIME type or file extension is missing"
    )
