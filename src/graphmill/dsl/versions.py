"""Versions of the DSL, compared as Dify's import compares them (`workflow-dsl §2`)."""

import re
from enum import StrEnum
from typing import Final

CURRENT: Final = "0.6.0"
"""The newest version known here."""
OLDEST: Final = "0.1.0"
"""What a file without a version counts as."""

_VERSION: Final = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,9})(?:[-_.+]?[a-z]\w{0,20})?")


class ImportStatus(StrEnum):
    """What Dify answers to an import."""

    COMPLETED = "completed"
    COMPLETED_WITH_WARNINGS = "completed-with-warnings"
    PENDING = "pending"
    """It asks first: the file was made for another generation."""


def import_status(version: str, current: str = CURRENT) -> ImportStatus:
    """Raises ValueError for a text that is no version."""
    imported, known = _release(version), _release(current)
    if imported > known or imported[0] < known[0]:
        return ImportStatus.PENDING
    if imported[1] < known[1]:
        return ImportStatus.COMPLETED_WITH_WARNINGS
    return ImportStatus.COMPLETED


def _release(version: str) -> tuple[int, ...]:
    match = _VERSION.fullmatch(version.strip())
    if match is None:
        raise ValueError(f"{version!r} is no version")
    numbers = [int(number) for number in match[1].split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))
