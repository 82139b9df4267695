"""A file as a value (`workflow-dsl §14.7`): what is known of it, never its bytes.

What callers send to name a file is not a file yet; that is in `file_references`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from graphmill.variables.missing import MISSING, Missing

IDENTITY: Final = "__dify__file__"
"""Marks a mapping that stands for a file (`dify_model_identity`)."""


class FileType(StrEnum):
    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"
    CUSTOM = "custom"


class TransferMethod(StrEnum):
    LOCAL_FILE = "local_file"
    """Uploaded by a caller."""
    REMOTE_URL = "remote_url"
    TOOL_FILE = "tool_file"
    """Made by a run."""


_EXTENSIONS: Final = {
    FileType.IMAGE: "jpg jpeg png webp gif svg",
    FileType.VIDEO: "mp4 mov mpeg webm",
    FileType.AUDIO: "mp3 m4a wav amr mpga",
    FileType.DOCUMENT: (
        "txt markdown md mdx pdf html htm xlsx xls vtt properties doc docx csv eml msg "
        "ppt pptx xml epub odt"
    ),
}  # fmt: skip
_TYPE_BY_EXTENSION: Final = {
    extension: file_type
    for file_type, extensions in _EXTENSIONS.items()
    for extension in extensions.split()
}
_SECOND_TYPE: Final = {"webm": FileType.AUDIO, "mpga": FileType.VIDEO}
"""Extensions of both audio and video; their first type is the one to use when one is needed."""

_DOCUMENT_MIME_PREFIXES: Final = (
    "text/",
    "application/vnd.openxmlformats-officedocument",
    "application/wps-office",
)
_DOCUMENT_MIME_TYPES: Final = frozenset({
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
    "application/vnd.oasis.opendocument.text",
    "application/epub+zip",
    "application/kswps",
    "application/et",
    "application/dps",
    "message/rfc822",
})  # fmt: skip

WORKSPACE_ID: Final = "6f7d2c1e-5a0b-5c0e-9d43-2f8f1f6a7b10"
"""Dify's `tenant_id`; there is one workspace here."""

FileAttribute: TypeAlias = str | int | None

FILE_ATTRIBUTES: Final = {
    "type": "type",
    "size": "size",
    "name": "filename",
    "mime_type": "mime_type",
    "transfer_method": "transfer_method",
    "url": "address",
    "extension": "extension",
    "related_id": "related_id",
}
"""What a selector can ask a file for (`workflow-dsl §14.3`), and where it is kept."""


@dataclass(frozen=True, slots=True, repr=False)
class File:
    type: str
    """Word of a `FileType`."""
    transfer_method: str
    """Word of a `TransferMethod`."""
    filename: str | None = None
    extension: str | None = None
    """With its dot, lower case."""
    mime_type: str | None = None
    size: int = -1
    """Bytes; -1 when unknown."""
    related_id: str | None = None
    """Id of the stored file; None for a remote one."""
    remote_url: str | None = None
    id: str | None = None
    """What the caller named it, echoed back."""
    url: str | None = field(default=None, compare=False)
    """A signed address of a stored file, for texts that mention it. It expires, so it is set by
    whoever brings the file into a run, and mappings leave it out: readers sign their own."""

    def __post_init__(self) -> None:
        """Members of the enumerations become plain texts: attributes are values like any other."""
        object.__setattr__(self, "type", str(self.type))
        object.__setattr__(self, "transfer_method", str(self.transfer_method))

    @property
    def address(self) -> str | None:
        """Where the bytes can be fetched, when that is known."""
        return self.url or self.remote_url

    def attribute(self, name: str) -> FileAttribute | Missing:
        """One of `FILE_ATTRIBUTES`; any other name is missing."""
        kept_in = FILE_ATTRIBUTES.get(name)
        if kept_in is None:
            return MISSING
        value: FileAttribute = getattr(self, kept_in)
        return value

    def to_mapping(self) -> dict[str, Any]:
        """The file as JSON (`service-api §9.5`), without `url`."""
        return {
            "dify_model_identity": IDENTITY,
            "id": self.id,
            "type": self.type,
            "transfer_method": self.transfer_method,
            "remote_url": self.remote_url,
            "related_id": self.related_id,
            "filename": self.filename,
            "extension": self.extension,
            "mime_type": self.mime_type,
            "size": self.size,
        }

    def to_plain_value(self) -> dict[str, Any]:
        """As templates and code see it: the mapping that Dify's JSON has, with its link."""
        is_upload = self.transfer_method == TransferMethod.LOCAL_FILE
        return {
            **self.to_mapping(),
            "tenant_id": WORKSPACE_ID,
            "remote_url": self.address if is_upload else self.remote_url,
            "url": self.address,
        }

    def to_markdown(self) -> str:
        """A link, or the picture itself (`workflow-dsl §14.5`)."""
        address = self.address or ""
        if self.type == FileType.IMAGE:
            return f"![{self.filename or ''}]({address})"
        return f"[{self.filename or address}]({address})"

    def __repr__(self) -> str:
        """A mapping, for lists that hold files are shown to users as Python shows them."""
        return repr(self.to_mapping())


def file_from_mapping(mapping: Mapping[str, Any]) -> File:
    """The file that `to_mapping` described. Raises KeyError when type or method are not there."""
    return File(
        type=mapping["type"],
        transfer_method=mapping["transfer_method"],
        filename=mapping.get("filename"),
        extension=mapping.get("extension"),
        mime_type=mapping.get("mime_type"),
        size=mapping.get("size", -1),
        related_id=mapping.get("related_id"),
        remote_url=mapping.get("remote_url"),
        id=mapping.get("id"),
    )


def file_type_of(extension: str | None, mime_type: str | None) -> FileType:
    """The type of a file, by its extension (any case, dot or not), else by its MIME type."""
    file_type = _TYPE_BY_EXTENSION.get(bare_extension(extension))
    if file_type is not None:
        return file_type
    mime = (mime_type or "").partition(";")[0].strip().lower()
    for prefix in (FileType.IMAGE, FileType.VIDEO, FileType.AUDIO):
        if mime.startswith(f"{prefix}/"):
            return prefix
    if mime.startswith(_DOCUMENT_MIME_PREFIXES) or mime in _DOCUMENT_MIME_TYPES:
        return FileType.DOCUMENT
    return FileType.CUSTOM


def may_be_declared_as(declared: str, extension: str | None, mime_type: str | None) -> bool:
    """Does it fit? `webm` and `mpga` are audio as well as video (`service-api §9.1`)."""
    return declared in (
        file_type_of(extension, mime_type),
        _SECOND_TYPE.get(bare_extension(extension)),
    )


def bare_extension(extension: str | None) -> str:
    """Without dot, in lower case: the form in which extensions are compared."""
    return (extension or "").lstrip(".").lower()
