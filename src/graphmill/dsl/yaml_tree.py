"""YAML text to plain data, with the place of every value; as strict as a stranger's file demands.

One pass over libyaml's events with a stack of its own: depth, size and what aliases expand to are
limited while the text is read, so no file costs more than its length. Words mean what they mean
to PyYAML's safe loader and thereby to Dify: `no` is false and `12:30` is 750.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)


class Mark(Protocol):
    """A place as the parser counts it: from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


Yaml: TypeAlias = bool | int | float | str | list["Yaml"] | dict[str, "Yaml"] | None
Spots: TypeAlias = dict[str | int, tuple[Mark, "Spots"]]
"""By key or list position: where the entry begins, and the spots of what it holds."""

MAX_DEPTH: Final = 100
MAX_VALUES: Final = 1_000_000
"""Values of one file, each counted as often as aliases repeat it."""

_MAX_NUMBER_LENGTH: Final = 100
_MERGE: Final = "<<"
_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset(_TAG + name for name in ("str", "timestamp", "merge", "value"))
"""What is taken as the text it is: nothing in a workflow is a date, and `=` is an operator."""
_RESOLVERS: Final = yaml.CSafeLoader.yaml_implicit_resolvers
_CONSTRUCTOR: Final = yaml.constructor.SafeConstructor()
_NO_SPOTS: Final[Spots] = {}


class Refused(Exception):
    """The text is no data that can be used; reading ended at `mark`."""

    def __init__(self, code: str, message: str, mark: Mark, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.mark = mark
        self.hint = hint


@dataclass(slots=True)
class Tree:
    data: Yaml
    spots: Spots
    """Of the root value under key 0."""
    duplicates: list[tuple[str, Mark]]
    """Keys that stand twice in one mapping; the last value counts, as in Dify."""


@dataclass(slots=True)
class _Level:
    """A list or mapping whose end has not been read."""

    data: list[Yaml] | dict[str, Yaml]
    mark: Mark
    anchor: str | None
    spots: Spots = field(default_factory=dict)
    weight: int = 1
    """Values inside, itself included."""
    key: str | None = None
    """Of a mapping: the key whose value comes next."""
    key_mark: Mark | None = None
    merging: bool = False
    """Is the next value that of a merge key?"""
    merged: list[tuple[dict[str, Yaml], Spots]] = field(default_factory=list)


@dataclass(slots=True)
class _Anchored:
    """A finished value, as an alias repeats it: shared, not copied."""

    value: Yaml
    spots: Spots
    weight: int


def build_tree(text: str) -> Tree:
    """Raises Refused, or MarkedYAMLError or ReaderError for a text that is no YAML."""
    return _Builder().build(text)


class _Builder:
    def __init__(self) -> None:
        self._levels: list[_Level] = []
        self._anchors: dict[str, _Anchored] = {}
        self._plain: dict[str, Yaml] = {}
        """What unquoted words mean, each resolved once."""
        self._duplicates: list[tuple[str, Mark]] = []

    def build(self, text: str) -> Tree:
        root: list[Yaml] = []
        loader = yaml.CSafeLoader(text)
        try:
            while (event := loader.get_event()) is not None:
                mark = event.start_mark
                assert mark is not None, "the parser marks every event"
                if not self._levels:
                    self._levels.append(_Level(root, mark, None))
                self._take(event, mark)
        finally:
            loader.dispose()
        return Tree(root[0] if root else None, self._levels[0].spots, self._duplicates)

    def _take(self, event: Event, mark: Mark) -> None:
        if isinstance(event, ScalarEvent):
            self._scalar(event, mark)
        elif isinstance(event, MappingStartEvent):
            self._open({}, event, "map", mark)
        elif isinstance(event, SequenceStartEvent):
            self._open([], event, "seq", mark)
        elif isinstance(event, CollectionEndEvent):
            self._close()
        elif isinstance(event, AliasEvent):
            self._alias(str(event.anchor), mark)
        elif isinstance(event, DocumentStartEvent) and self._levels[0].data:
            raise Refused(
                "yaml-syntax",
                "Invalid YAML format: expected a single document",
                mark,
                "Remove this `---` and what follows it.",
            )

    def _scalar(self, event: ScalarEvent, mark: Mark) -> None:
        text, tag = event.value, event.tag
        value: Yaml
        if tag is not None and tag != "!":
            value = _construct(tag, text, mark)
        elif not event.implicit[0]:
            value = text
        elif text == _MERGE and self._awaits_key():
            self._levels[-1].merging = True
            return
        else:
            try:
                value = self._plain[text]
            except KeyError:
                value = self._plain[text] = _resolve(text, mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, _NO_SPOTS, 1)
        self._add(value, mark, _NO_SPOTS, 1)

    def _open(
        self,
        data: list[Yaml] | dict[str, Yaml],
        event: CollectionStartEvent,
        kind: str,
        mark: Mark,
    ) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            raise _unknown_tag(str(event.tag), mark)
        if len(self._levels) > MAX_DEPTH:
            raise Refused(
                "too-deep", f"Lists and mappings are nested more than {MAX_DEPTH} deep", mark
            )
        self._levels.append(_Level(data, mark, event.anchor))

    def _close(self) -> None:
        level = self._levels.pop()
        data, spots = level.data, level.spots
        if level.merged and isinstance(data, dict):
            base: dict[str, Yaml] = {}
            base_spots: Spots = {}
            for values, places in level.merged:
                base.update(values)
                base_spots.update(places)
            data, spots = base | data, base_spots | spots
        if level.anchor is not None:
            self._anchors[level.anchor] = _Anchored(data, spots, level.weight)
        self._add(data, level.mark, spots, level.weight)

    def _alias(self, anchor: str, mark: Mark) -> None:
        anchored = self._anchors.get(anchor)
        if anchored is None:
            is_open = any(level.anchor == anchor for level in self._levels)
            reason = "contains itself" if is_open else "is nowhere defined"
            raise Refused("bad-alias", f"The alias *{anchor} {reason}", mark)
        self._add(anchored.value, mark, anchored.spots, anchored.weight)

    def _awaits_key(self) -> bool:
        level = self._levels[-1]
        return isinstance(level.data, dict) and level.key is None and not level.merging

    def _add(self, value: Yaml, mark: Mark, spots: Spots, weight: int) -> None:
        level = self._levels[-1]
        level.weight += weight
        if level.weight > MAX_VALUES:
            raise Refused("too-large", f"The file holds more than {MAX_VALUES} values", mark)
        data = level.data
        if isinstance(data, list):
            level.spots[len(data)] = (mark, spots)
            data.append(value)
        elif level.merging:
            level.merging = False
            level.merged += _merge_sources(value, mark, spots)
        elif level.key is None:
            level.key = _key(value, mark)
            level.key_mark = mark
        else:
            key, key_mark = level.key, level.key_mark
            assert key_mark is not None, "it is set together with the key"
            if key in data:
                self._duplicates.append((key, key_mark))
            data[key] = value
            level.spots[key] = (key_mark, spots)
            level.key = None


def _resolve(text: str, mark: Mark) -> Yaml:
    """What an unquoted word means."""
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return _construct(tag, text, mark)
    return text


def _construct(tag: str, text: str, mark: Mark) -> Yaml:
    """What a scalar of type `tag` means to PyYAML."""
    if tag in _TEXT_TAGS:
        return text
    if not tag.startswith(_TAG):
        raise _unknown_tag(tag, mark)
    node = yaml.ScalarNode(tag, text)
    try:
        match tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return bool(_CONSTRUCTOR.construct_yaml_bool(node))
            case "int" if len(text) <= _MAX_NUMBER_LENGTH:
                return int(_CONSTRUCTOR.construct_yaml_int(node))
            case "float" if len(text) <= _MAX_NUMBER_LENGTH:
                return float(_CONSTRUCTOR.construct_yaml_float(node))
            case "int" | "float":
                raise ValueError
            case _:
                raise _unknown_tag(tag, mark)
    except (KeyError, ValueError, IndexError):
        raise Refused(
            "bad-value",
            f"{text[:40]!r} is no {tag.removeprefix(_TAG)}",
            mark,
            "Write it in quotes if it is meant as text.",
        ) from None


def _unknown_tag(tag: str, mark: Mark) -> Refused:
    return Refused(
        "unknown-tag",
        f"The tag {tag.replace(_TAG, '!!')} is not allowed in a workflow file",
        mark,
        "Remove the tag; plain text, numbers, lists and mappings need none.",
    )


def _key(value: Yaml, mark: Mark) -> str:
    """A key as it reads after Dify has stored the file as JSON."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int() | float():
            return str(value)
        case _:
            raise Refused("bad-key", "A key is a list or a mapping; it must be a text", mark)


def _merge_sources(value: Yaml, mark: Mark, spots: Spots) -> list[tuple[dict[str, Yaml], Spots]]:
    """The mappings that a merge key takes in, those that count less first."""
    if isinstance(value, dict):
        return [(value, spots)]
    if isinstance(value, list):
        mappings = [item for item in value if isinstance(item, dict)]
        if len(mappings) == len(value):
            return [(item, spots[index][1]) for index, item in enumerate(mappings)][::-1]
    raise Refused("bad-merge", "`<<` takes a mapping or a list of mappings", mark)
