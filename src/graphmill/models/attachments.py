"""Files in messages, made ready to be sent."""

from base64 import b64encode
from typing import Final

from graphmill.errors import FileNotFound, ModelFailed, OutboundRefused
from graphmill.media_types import UNKNOWN
from graphmill.models.provider import Attachment, Attachments
from graphmill.ports.files import FileVault
from graphmill.ports.models import ChatRequest, FilePart

LARGEST_FILE: Final = 50 << 20
"""Bytes. Providers take less than that for a whole request."""


async def attachments_of(request: ChatRequest, files: FileVault, *, as_urls: bool) -> Attachments:
    """Every file of `request`, read once. `as_urls`: remote ones are sent as their addresses.

    Raises ModelFailed when a file cannot be read."""
    parts = {
        part
        for message in request.messages
        if not isinstance(message.content, str)
        for part in message.content
        if isinstance(part, FilePart)
    }
    return {part: await _attached(part, files, as_url=as_urls) for part in parts}


async def _attached(part: FilePart, files: FileVault, *, as_url: bool) -> Attachment:
    file = part.file
    name = file.filename or file.address or "file"
    mime_type = file.mime_type or UNKNOWN
    if as_url and file.remote_url is not None:
        return Attachment(file.type, mime_type, name, part.detail, url=file.remote_url)
    try:
        content = await files.read(file, limit=LARGEST_FILE)
    except (FileNotFound, OSError, OutboundRefused, ValueError) as error:
        raise ModelFailed(f"The file {name!r} cannot be sent to the model: {error}") from error
    encoded = b64encode(content).decode()
    return Attachment(file.type, mime_type, name, part.detail, base64=encoded)
