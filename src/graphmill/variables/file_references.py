"""How a caller names a file (`service-api §9.2`), and whether that file may be used there.

Only the form is checked here. Finding the file (uploads, a HEAD request) is up to the service
layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from graphmill.errors import InvalidParameter
from graphmill.variables.files import (
    File,
    FileType,
    TransferMethod,
    bare_extension,
    file_type_of,
    may_be_declared_as,
)
from graphmill.variables.values import Value

_TYPE_MISMATCH: Final = (
    "Detected file type does not match the specified type. Please verify the file."
)


@dataclass(frozen=True, slots=True)
class FileReference:
    """A well-formed mapping: `stored_id` or `url` is set, as the transfer method needs it."""

    transfer_method: TransferMethod
    declared_type: FileType | None = None
    stored_id: str | None = None
    """Id of the upload, or of the file a run made."""
    url: str | None = None
    id: str | None = None
    """The caller's own name for it."""


@dataclass(frozen=True, slots=True)
class FileRules:
    """What a variable or the app's upload feature allows; no types or no methods means any."""

    types: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    """For files of type `custom`, which need to be listed."""
    methods: tuple[str, ...] = ()

    def allow(self, file: File) -> bool:
        if file.transfer_method == TransferMethod.TOOL_FILE:
            return True
        if self.methods and file.transfer_method not in self.methods:
            return False
        if file.type == FileType.CUSTOM:
            allowed = {bare_extension(extension) for extension in self.extensions}
            return bare_extension(file.extension) in allowed
        return not self.types or file.type in self.types


def parse_file_reference(mapping: Mapping[str, Value]) -> FileReference:
    """Read a mapping, or a file object that a run gave out earlier. Raises InvalidParameter."""
    method = mapping.get("transfer_method")
    if not method:
        raise InvalidParameter("transfer_method is required in file mapping")
    reference = FileReference(
        _transfer_method(method), _declared_type(mapping.get("type")), id=_text(mapping, "id")
    )
    match reference.transfer_method:
        case TransferMethod.LOCAL_FILE:
            return replace(reference, stored_id=_upload_id(mapping))
        case TransferMethod.REMOTE_URL:
            return replace(reference, url=_remote_url(mapping))
        case TransferMethod.TOOL_FILE:
            return replace(reference, stored_id=_tool_file_id(mapping))


def is_complete(mapping: Mapping[str, Value]) -> bool:
    """Can it be read at all? Dify passes over entries of a list that cannot."""
    method = mapping.get("transfer_method")
    if method == TransferMethod.REMOTE_URL:
        return _text(mapping, "url", "remote_url") is not None
    return bool(method)


def accept_file(
    reference: FileReference, file: File, rules: FileRules | None, *, strict: bool
) -> File:
    """`file`, found for `reference`, under the type it is to have. Raises InvalidParameter.

    `strict`: a declared type must be the detected one; entries of a list may claim what they like.
    Without `rules` everything is allowed (top-level files of an app whose upload feature is off).
    """
    detected = file_type_of(file.extension, file.mime_type)
    declared = reference.declared_type
    if strict and declared is not None:
        if declared is not FileType.CUSTOM:
            fits = may_be_declared_as(declared, file.extension, file.mime_type)
        else:
            fits = detected is FileType.CUSTOM or rules is None or FileType.CUSTOM in rules.types
        if not fits:
            raise InvalidParameter(_TYPE_MISMATCH)
    accepted = replace(file, type=declared or detected, id=reference.id)
    if rules is not None and not rules.allow(accepted):
        raise InvalidParameter(f"File validation failed for file: {file.filename}")
    return accepted


def _transfer_method(word: Value) -> TransferMethod:
    try:
        return TransferMethod(str(word))
    except ValueError:
        raise InvalidParameter(f"No matching enum found for value {word!r}") from None


def _declared_type(word: Value) -> FileType | None:
    try:
        return None if word is None else FileType(str(word))
    except ValueError:
        raise InvalidParameter(_TYPE_MISMATCH) from None


def _upload_id(mapping: Mapping[str, Value]) -> str:
    upload_id = _text(mapping, "upload_file_id", "related_id", "reference")
    if upload_id is None:
        raise InvalidParameter("Invalid upload file id")
    try:
        return str(UUID(upload_id))
    except ValueError:
        raise InvalidParameter("Invalid upload file id format") from None


def _tool_file_id(mapping: Mapping[str, Value]) -> str:
    tool_file_id = _text(mapping, "tool_file_id", "related_id", "reference")
    if tool_file_id is None:
        raise InvalidParameter("ToolFile None not found")
    return tool_file_id


def _remote_url(mapping: Mapping[str, Value]) -> str:
    url = _text(mapping, "url", "remote_url")
    if url is None or not url.startswith("http"):
        raise InvalidParameter("Invalid file url")
    return url


def _text(mapping: Mapping[str, Value], *keys: str) -> str | None:
    """The first of `keys` that holds some text."""
    for key in keys:
        value = mapping.get(key)
        if value and isinstance(value, str):
            return value
    return None
