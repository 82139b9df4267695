"""Values in slots (`nextcloud-ocs §8.2, §8.3`)."""

from typing import Any

import pytest

from graphmill.errors import InvalidParameter
from graphmill.service.tasks.shapes import Slot, SlotType, TaskType, list_of, slot_type_of
from graphmill.service.tasks.validation import MAX_TEXT_BYTES, check_input, check_output


def type_of(slot_type: SlotType, **more: Any) -> TaskType:
    """A type with one slot, both ways."""
    slot = Slot(slot_type, "S", **more)
    return TaskType("a:b", "A", "", inputs={"s": slot}, outputs={"s": slot})


@pytest.mark.parametrize(
    ("slot_type", "value"),
    [
        (SlotType.TEXT, ""),
        (SlotType.TEXT, "x" * MAX_TEXT_BYTES),
        (SlotType.TEXT, "\ud800"),
        (SlotType.LIST_OF_TEXTS, []),
        (SlotType.LIST_OF_TEXTS, ["x" * (MAX_TEXT_BYTES + 1)]),
        *((SlotType.NUMBER, value) for value in (5, -1.5, "5", " 5 ", "-1.5e3", ".5", "5.")),
        (SlotType.LIST_OF_NUMBERS, [1, "2", 0.5]),
        (SlotType.IMAGE, "17"),
        (SlotType.LIST_OF_FILES, [1, "2"]),
    ],
)
def test_values_that_fit_stay_as_they_are(slot_type: SlotType, value: Any) -> None:
    assert {"s": value} == check_input(type_of(slot_type), {"s": value})
    assert {"s": value} == check_output(type_of(slot_type), {"s": value})


@pytest.mark.parametrize(
    ("slot_type", "value", "reason"),
    [
        (SlotType.TEXT, 1, "Non-text item provided for Text slot"),
        (SlotType.LIST_OF_TEXTS, ["a", 1], "Non-text list item provided for ListOfTexts slot"),
        (SlotType.LIST_OF_TEXTS, "a", "Non-text list item provided for ListOfTexts slot"),
        *(
            (SlotType.NUMBER, value, "Non-numeric item provided for Number slot")
            for value in ("", "two", "0x1A", True, "1e", "1 2", [1], float)
        ),
        (SlotType.LIST_OF_NUMBERS, [True], "Non-numeric list item provided for ListOfNumbers slot"),
        (SlotType.IMAGE, "a", "Non-image item provided for Image slot"),
        (SlotType.AUDIO, None.__class__, "Non-audio item provided for Audio slot"),
        (SlotType.VIDEO, [1], "Non-video item provided for Video slot"),
        (SlotType.FILE, "1e999", "Non-file item provided for File slot"),
        (SlotType.LIST_OF_IMAGES, 1, "Non-image list item provided for ListOfImages slot"),
        (SlotType.LIST_OF_AUDIOS, ["a"], "Non-audio list item provided for ListOfAudio slot"),
        (SlotType.LIST_OF_VIDEOS, ["a"], "Non-video list item provided for ListOfTexts slot"),
        (SlotType.LIST_OF_FILES, ["a"], "Non-file list item provided for ListOfFiles slot"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(slot_type: SlotType, value: Any, reason: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        check_input(type_of(slot_type), {"s": value})
    assert f'Failed to validate input key "s": {reason}' == str(refused.value)
    with pytest.raises(ValueError, match="output key"):
        check_output(type_of(slot_type), {"s": value})


def test_output_texts_have_no_limit() -> None:
    output = {"s": "x" * (MAX_TEXT_BYTES + 1)}
    assert output == check_output(type_of(SlotType.TEXT), output)


def test_choices_must_be_known_for_input_and_may_be_for_output() -> None:
    with pytest.raises(InvalidParameter, match="Provider did not provide enum values"):
        check_input(type_of(SlotType.ENUM), {"s": "a"})
    assert {"s": "a"} == check_output(type_of(SlotType.ENUM), {"s": "a"})
    offered = type_of(SlotType.ENUM, choices={"a": "A", "b": "B"})
    with pytest.raises(ValueError, match=r'Got "c", but expected .*: "a", "b"'):
        check_output(offered, {"s": "c"})


def test_default_stands_in_for_nothing() -> None:
    assert {"s": 3} == check_input(type_of(SlotType.NUMBER, default=3), {"s": None})


def test_default_is_no_output() -> None:
    with pytest.raises(ValueError, match='Missing key: "s"'):
        check_output(type_of(SlotType.NUMBER, default=3), {})


@pytest.mark.parametrize(
    ("number", "name"), [(0, "Number"), (5, "File"), (6, "Enum"), (11, "ListOfTexts")]
)
def test_workers_know_types_by_numbers(number: int, name: str) -> None:
    assert name == slot_type_of(number)


@pytest.mark.parametrize("number", [-1, 7, 16, 99])
def test_other_numbers_are_no_types(number: int) -> None:
    with pytest.raises(ValueError, match="no shape type"):
        slot_type_of(number)


def test_lists_and_their_items() -> None:
    assert SlotType.LIST_OF_AUDIOS is list_of(SlotType.AUDIO)
    assert SlotType.AUDIO is SlotType.LIST_OF_AUDIOS.item
    assert (True, False) == (SlotType.LIST_OF_VIDEOS.is_file, SlotType.LIST_OF_TEXTS.is_file)


def test_files_are_found_in_all_slots() -> None:
    task_type = TaskType(
        "a:b",
        "A",
        "",
        inputs={"one": Slot(SlotType.IMAGE, ""), "text": Slot(SlotType.TEXT, "")},
        outputs={"more": Slot(SlotType.LIST_OF_FILES, "")},
    )
    values = {"one": "7", "text": "8", "more": [9, "10"]}
    assert [7, 9, 10] == list(task_type.file_ids(values))
    assert [] == list(task_type.file_ids(None))
