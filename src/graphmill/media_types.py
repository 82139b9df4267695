"""What file names and HTTP headers tell about content. The same on every host: no system tables."""

import mimetypes
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

UNKNOWN: Final = "application/octet-stream"

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_TYPES: Final = mimetypes.MimeTypes()
# What the standard library of some supported Python does not know.
for _mime_type, _extensions in {
    "application/epub+zip": ".epub",
    "application/vnd.ms-outlook": ".msg",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/yaml": ".yaml .yml",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "image/webp": ".webp",
    "text/markdown": ".md .markdown .mdx",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
}.items():
    for _extension in _extensions.split():
        _TYPES.add_type(_mime_type, _extension)

_PARAMETER: Final = re.compile(r';\s*([\w!#$%&+^`|~.*-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_EXTENDED: Final = re.compile(r"([\w-]+)'[\w-]*'(.*)")


_BEGINNINGS: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (8, b"WAVE", "audio/x-wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)
"""Where, which bytes, and what they are the beginning of."""


def mime_type_in(content: bytes) -> str | None:
    """The MIME type that the first bytes of a file show."""
    for start, mark, mime_type in _BEGINNINGS:
        if content.startswith(mark, start):
            return mime_type
    return None


def mime_type_of(filename: str) -> str | None:
    """The MIME type that goes with the extension of `filename`."""
    return _TYPES.guess_type(filename)[0]


def extension_of(filename: str | None, mime_type: str | None) -> str | None:
    """With its dot, lower case: the one `filename` has, else the usual one of `mime_type`."""
    name, dot, extension = (filename or "").rpartition(".")
    if name and dot and extension:
        return f".{extension.lower()}"
    return _TYPES.guess_extension(mime_type) if mime_type else None


def bare_mime_type(content_type: str) -> str:
    """A Content-Type without its parameters, lower case."""
    return content_type.partition(";")[0].strip().lower()


def charset_of(content_type: str) -> str | None:
    """The charset that a Content-Type declares."""
    return _parameters(content_type).get("charset")


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a Content-Disposition header says."""

    is_attachment: bool
    filename: str | None
    """Without folders."""

    @classmethod
    def parse(cls, header: str) -> "Disposition":
        parameters = _parameters(header)
        filename = _decoded(parameters.get("filename*", "")) or parameters.get("filename", "")
        name = re.split(r"[/\\]", filename)[-1].strip()
        return cls(header.partition(";")[0].strip().lower() == "attachment", name or None)


def _parameters(header: str) -> dict[str, str]:
    """The parameters behind the first `;`, names in lower case, quotes taken off."""
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header):
        value = value.strip()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
        found.setdefault(name.lower(), value)
    return found


def _decoded(value: str) -> str | None:
    """`utf-8''na%C3%AFve.txt` as text (RFC 8187); None for anything else."""
    match = _EXTENDED.fullmatch(value)
    if match is None:
        return None
    try:
        return unquote(match[2], encoding=match[1], errors="strict")
    except (LookupError, UnicodeError):
        return None
