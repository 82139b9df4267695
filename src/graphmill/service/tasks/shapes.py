"""Task types: which slots go in and come out (`nextcloud-ocs §6.4, §6.5`). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

LIST_OFFSET: Final = 10
"""How Nextcloud numbers a list type: as its items, and ten more."""


class SlotType(StrEnum):
    NUMBER = "Number"
    TEXT = "Text"
    IMAGE = "Image"
    AUDIO = "Audio"
    VIDEO = "Video"
    FILE = "File"
    ENUM = "Enum"
    LIST_OF_NUMBERS = "ListOfNumbers"
    LIST_OF_TEXTS = "ListOfTexts"
    LIST_OF_IMAGES = "ListOfImages"
    LIST_OF_AUDIOS = "ListOfAudios"
    LIST_OF_VIDEOS = "ListOfVideos"
    LIST_OF_FILES = "ListOfFiles"

    @property
    def is_list(self) -> bool:
        return self in _ITEMS

    @property
    def item(self) -> "SlotType":
        """The type of what a list holds; any other type itself."""
        return _ITEMS.get(self, self)

    @property
    def is_file(self) -> bool:
        """Does it hold ids of files?"""
        return self.item in _FILES


_SCALARS: Final = tuple(SlotType)[:7]
_ITEMS: Final = dict(zip(tuple(SlotType)[7:], _SCALARS[:6], strict=True))
_FILES: Final = frozenset({SlotType.IMAGE, SlotType.AUDIO, SlotType.VIDEO, SlotType.FILE})
_NUMBERS: Final = dict(enumerate(_SCALARS)) | {
    LIST_OFFSET + _SCALARS.index(item): each for each, item in _ITEMS.items()
}


def slot_type_of(number: int) -> SlotType:
    """The type that workers know by a number (`§6.4`). Raises ValueError."""
    try:
        return _NUMBERS[number]
    except KeyError:
        raise ValueError(f"{number} is no shape type") from None


def list_of(item: SlotType) -> SlotType:
    """The list type with such items; there is none of choices."""
    return next(each for each, of in _ITEMS.items() if of is item)


@dataclass(frozen=True, slots=True)
class Slot:
    type: SlotType
    name: str
    """Its label."""
    description: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Value → label, for an Enum."""
    default: str | int | float | None = None


Shape: TypeAlias = Mapping[str, Slot]


@dataclass(frozen=True, slots=True)
class TaskType:
    id: str
    name: str
    description: str
    inputs: Shape
    """All of them are required."""
    outputs: Shape
    optional_inputs: Shape = field(default_factory=dict)
    optional_outputs: Shape = field(default_factory=dict)
    is_internal: bool = False
    """Not meant to be offered to people directly."""

    def file_ids(self, values: Mapping[str, Any] | None) -> Iterator[int]:
        """The files that input or output values name, in whichever slots."""
        shapes = (self.inputs, self.optional_inputs, self.outputs, self.optional_outputs)
        for shape in shapes:
            for key, slot in shape.items():
                value = (values or {}).get(key)
                if slot.type.is_file and value is not None:
                    items = value if isinstance(value, list) else [value]
                    yield from (int(float(item)) for item in items)
