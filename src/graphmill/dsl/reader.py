"""A file's bytes to plain data with places. Whatever the bytes are, the answer is data or problems.

`yaml_tree` does the work; here its refusals, and libyaml's, become problems with a line and a hint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import yaml

from graphmill.dsl.model import DataPath, Place, Problem, Severity
from graphmill.dsl.yaml_tree import Mark, Refused, Spots, Yaml, build_tree

MAX_BYTES: Final = 10 * 1024 * 1024
"""As Dify's import takes; what is longer is not looked into."""

_TOP: Final = Place(1, 1)


class Places:
    """Where the values of a file stand.

    Keeps the text rather than a place for each value, and reads it again when asked after
    `forget`: a sound workflow that is loaded for months is asked for none.
    """

    __slots__ = ("_spots", "_text")

    def __init__(self, text: str, spots: Spots) -> None:
        self._text = text
        self._spots: Spots | None = spots

    def of(self, path: DataPath) -> Place:
        """Where the value at `path` stands (its key, in a mapping), or the nearest around it."""
        if self._spots is None:
            self._spots = build_tree(self._text).spots
        spots = self._spots
        place = _TOP
        for step in (0, *path):
            if step not in spots:
                break
            mark, spots = spots[step]
            place = _place(mark)
        return place

    def below(self, path: DataPath) -> Callable[[DataPath], Place]:
        """The same for paths that begin at the value at `path`."""
        prefix = tuple(path)
        return lambda rest: self.of((*prefix, *rest))

    def forget(self) -> None:
        self._spots = None


@dataclass(frozen=True, slots=True)
class Document:
    data: Yaml
    """None also for a file that could not be read; `problems` then has an error."""
    places: Places
    problems: tuple[Problem, ...]


def read_document(content: str | bytes) -> Document:
    """Never raises, and never looks into a file that is too long."""
    if len(content) > MAX_BYTES:
        return _unreadable(
            "file-too-large",
            "File size exceeds the limit of 10MB",
            hint="A workflow file is far smaller. Is it the right one?",
        )
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        raw = text.encode()
    except UnicodeDecodeError as error:
        return _unreadable(
            "not-utf-8",
            f"The file is not UTF-8: byte {error.start + 1} is {error.object[error.start]:#04x}",
            _place_in(error.object[: error.start].decode(errors="replace")),
            "Save it as UTF-8.",
        )
    except UnicodeEncodeError as error:
        return _unreadable(
            "not-utf-8",
            "The text holds half of a surrogate pair, which is no character",
            _place_in(error.object[: error.start]),
            "Save it as UTF-8.",
        )
    if not text.strip():
        return _unreadable("empty-file", "The file is empty", hint="Export the app again.")
    try:
        tree = build_tree(text)
    except Refused as refused:
        return _unreadable(refused.code, str(refused), _place(refused.mark), refused.hint)
    except yaml.MarkedYAMLError as error:
        return _unreadable("yaml-syntax", *_syntax_error(error))
    except yaml.reader.ReaderError as error:
        return _unreadable(
            "yaml-syntax",
            f"Invalid YAML format: {error.reason} (character {error.character:#04x})",
            _place_in(raw[: error.position].decode(errors="replace")),
            "Remove the character.",
        )
    duplicates = (
        Problem(
            Severity.WARNING,
            "duplicate-key",
            f"The key {key!r} stands twice in one mapping; the last value counts",
            _place(mark),
            "Remove one of the two.",
        )
        for key, mark in tree.duplicates
    )
    return Document(tree.data, Places(text, tree.spots), tuple(duplicates))


def _unreadable(code: str, message: str, place: Place = _TOP, hint: str = "") -> Document:
    problem = Problem(Severity.ERROR, code, message, place, hint)
    return Document(None, Places("", {}), (problem,))


def _syntax_error(error: yaml.MarkedYAMLError) -> tuple[str, Place, str]:
    """Message, place and hint, in the parser's own words."""
    mark = error.problem_mark or error.context_mark
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return (
        f"Invalid YAML format: {words}",
        _TOP if mark is None else _place(mark),
        "Check indentation, quotes and colons here and just above.",
    )


def _place(mark: Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _place_in(before: str) -> Place:
    """The place of what follows the text `before`."""
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
