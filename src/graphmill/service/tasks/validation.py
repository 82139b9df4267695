"""Do values fit the slots of a task type (`nextcloud-ocs §8.2, §8.3`)? Pure; the messages are
Nextcloud's."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from graphmill.errors import InvalidParameter
from graphmill.service.tasks.shapes import Shape, Slot, SlotType, TaskType

MAX_TEXT_BYTES: Final = 512_000

Values: TypeAlias = dict[str, Any]

_NUMERIC: Final = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def check_input(task_type: TaskType, values: Mapping[str, Any]) -> Values:
    """The slots of `values` that the type has, with its defaults for those that are missing.

    Raises InvalidParameter."""
    for key, slot in task_type.inputs.items():
        if values.get(key) is None and slot.default is None:
            raise InvalidParameter(f'Missing key: "{key}"')
    for shape in (task_type.inputs, task_type.optional_inputs):
        for key, slot in shape.items():
            if values.get(key) is not None:
                _check_slot(key, slot, values[key])
    return _kept(values, {**task_type.inputs, **task_type.optional_inputs}, with_defaults=True)


def check_output(task_type: TaskType, values: Mapping[str, Any]) -> Values:
    """The slots of `values` that the type has; whether files exist is not looked at.

    Raises ValueError."""
    for key, slot in task_type.outputs.items():
        if values.get(key) is None:
            raise ValueError(f'Missing key: "{key}"')
        _check_output_slot(key, slot, values[key])
    for key, slot in task_type.optional_outputs.items():
        if values.get(key) is not None:
            _check_output_slot(key, slot, values[key])
    return _kept(values, {**task_type.outputs, **task_type.optional_outputs}, with_defaults=False)


def is_numeric(value: object) -> bool:
    """Is it a number, or a text that PHP takes for one?"""
    if isinstance(value, str):
        return _NUMERIC.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kept(values: Mapping[str, Any], slots: Shape, *, with_defaults: bool) -> Values:
    kept = {key: value for key, value in values.items() if key in slots and value is not None}
    if with_defaults:
        for key, slot in slots.items():
            if slot.default is not None:
                kept.setdefault(key, slot.default)
    return kept


def _check_slot(key: str, slot: Slot, value: object) -> None:
    reason = _CHECKS[slot.type](key, slot, value)
    if reason is not None:
        raise InvalidParameter(f'Failed to validate input key "{key}": {reason}')


def _check_output_slot(key: str, slot: Slot, value: object) -> None:
    if slot.type is SlotType.TEXT and isinstance(value, str):
        return
    if slot.type is SlotType.ENUM and isinstance(value, str) and not slot.choices:
        return
    reason = _CHECKS[slot.type](key, slot, value)
    if reason is not None:
        raise ValueError(f'Failed to validate output key "{key}": {reason}')


Check: TypeAlias = Callable[[str, Slot, object], str | None]
"""What is wrong with a value; None when nothing is."""


def _check_text(key: str, slot: Slot, value: object) -> str | None:
    if not isinstance(value, str):
        return "Non-text item provided for Text slot"
    if len(value.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        return "Text is too long"
    return None


def _check_enum(key: str, slot: Slot, value: object) -> str | None:
    if not isinstance(value, str):
        return "Non-text item provided for Enum slot"
    if not slot.choices:
        return f'Provider did not provide enum values for an enum slot: "{key}"'
    if value in slot.choices:
        return None
    choices = ", ".join(f'"{choice}"' for choice in slot.choices)
    return (
        f'Wrong value given for Enum slot. Got "{value}", but expected one of the provided enum '
        f"values: {choices}"
    )


def _numeric(refusal: str) -> Check:
    return lambda key, slot, value: None if is_numeric(value) else refusal


def _file_id(refusal: str) -> Check:
    return lambda key, slot, value: None if _is_id(value) else refusal


def _all(refusal: str, fits: Callable[[object], bool]) -> Check:
    return lambda key, slot, value: (
        None if isinstance(value, list) and all(map(fits, value)) else refusal
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_id(value: object) -> bool:
    return is_numeric(value) and abs(float(str(value))) < 2**63


_CHECKS: Final[dict[SlotType, Check]] = {
    SlotType.TEXT: _check_text,
    SlotType.ENUM: _check_enum,
    SlotType.NUMBER: _numeric("Non-numeric item provided for Number slot"),
    SlotType.IMAGE: _file_id("Non-image item provided for Image slot"),
    SlotType.AUDIO: _file_id("Non-audio item provided for Audio slot"),
    SlotType.VIDEO: _file_id("Non-video item provided for Video slot"),
    SlotType.FILE: _file_id("Non-file item provided for File slot"),
    SlotType.LIST_OF_TEXTS: _all("Non-text list item provided for ListOfTexts slot", _is_text),
    SlotType.LIST_OF_NUMBERS: _all(
        "Non-numeric list item provided for ListOfNumbers slot", is_numeric
    ),
    # These words are the server's own, slips included (`§8.2`).
    SlotType.LIST_OF_IMAGES: _all("Non-image list item provided for ListOfImages slot", _is_id),
    SlotType.LIST_OF_AUDIOS: _all("Non-audio list item provided for ListOfAudio slot", _is_id),
    SlotType.LIST_OF_VIDEOS: _all("Non-video list item provided for ListOfTexts slot", _is_id),
    SlotType.LIST_OF_FILES: _all("Non-file list item provided for ListOfFiles slot", _is_id),
}
