"""The container of Office files before 2007, which Outlook's messages and encrypted files of today
are in as well."""

from io import BytesIO
from typing import Final, TypeAlias

import olefile

Ole: TypeAlias = "olefile.OleFileIO[str]"
SIGNATURE: Final[bytes] = olefile.MAGIC


class WrongFormat(Exception):
    """The file is not what its name says."""


def open_ole(content: bytes) -> Ole:
    """Raises WrongFormat."""
    if not content.startswith(SIGNATURE):
        raise WrongFormat("The file has another format than its name says.")
    return olefile.OleFileIO(BytesIO(content))


def read_stream(ole: Ole, name: str) -> bytes:
    """Raises WrongFormat when there is no such stream."""
    if not ole.exists(name):
        raise WrongFormat(f"There is no {name!r} in the file.")
    content: bytes = ole.openstream(name).read()
    return content


def check_not_ole(content: bytes) -> None:
    """Raises WrongFormat for what should be an OpenXML file, but is not."""
    if content.startswith(SIGNATURE):
        raise WrongFormat("The file is encrypted, or of a format before Office 2007.")
