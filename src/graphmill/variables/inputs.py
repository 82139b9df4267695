"""Casting the inputs of a run to its start variables (`workflow-dsl §15`, `service-api §8`).

Two steps: `cast_inputs` does everything that needs nothing but the values; then each slot of
`file_slots` is filled by whoever can find files.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from graphmill.errors import InvalidParameter
from graphmill.variables.file_references import (
    FileReference,
    FileRules,
    accept_file,
    is_complete,
    parse_file_reference,
)
from graphmill.variables.files import File
from graphmill.variables.values import Value


class VariableType(StrEnum):
    TEXT_INPUT = "text-input"
    PARAGRAPH = "paragraph"
    SELECT = "select"
    NUMBER = "number"
    CHECKBOX = "checkbox"
    JSON_OBJECT = "json_object"
    FILE = "file"
    FILE_LIST = "file-list"
    EXTERNAL_DATA_TOOL = "external_data_tool"


@dataclass(frozen=True, slots=True)
class StartVariable:
    """One field of the start form."""

    name: str
    type: VariableType
    required: bool = False
    default: Value = None
    max_length: int | None = None
    """Characters of a text, or files of a list; 0 and None are no limit."""
    options: tuple[str, ...] = ()
    files: FileRules = field(default_factory=FileRules)

    def cast(self, value: Value) -> Value:
        """`value` as the run will see it; file mappings stay mappings. Raises InvalidParameter."""
        if value is None:
            if self.required:
                raise InvalidParameter(f"{self.name} is required in input form")
            value = self.default
        if value is None:
            return None
        return _CASTS[self.type](self, value)

    def refuse(self, expectation: str) -> InvalidParameter:
        return InvalidParameter(f"{self.name} in input form must be {expectation}")


@dataclass(frozen=True, slots=True)
class FileSlot:
    """A file variable with a value, and the files that its mappings name."""

    variable: StartVariable
    references: tuple[FileReference, ...]

    def accept(self, reference: FileReference, file: File) -> File:
        """Check a file that was found for one of `references`. Raises InvalidParameter."""
        single = self.variable.type is VariableType.FILE
        return accept_file(reference, file, self.variable.files, strict=single)

    def fill(self, values: dict[str, Value], files: Sequence[File]) -> None:
        """Put the accepted files where the mappings stood."""
        single = self.variable.type is VariableType.FILE
        values[self.variable.name] = files[0] if single else list(files)


def cast_inputs(
    variables: Sequence[StartVariable], inputs: Mapping[str, Value]
) -> dict[str, Value]:
    """One value for each variable, in their order; inputs that nobody declared are dropped.

    Raises InvalidParameter at the first one that does not fit. Go on with `file_slots`."""
    return {variable.name: variable.cast(inputs.get(variable.name)) for variable in variables}


def file_slots(
    variables: Sequence[StartVariable], values: Mapping[str, Value]
) -> Iterator[FileSlot]:
    """What is left to do after `cast_inputs`, in the order of `variables`.

    A slot's mappings are read when its turn comes, so the first error is the one that is raised:

        for slot in file_slots(variables, values):
            slot.fill(values, [slot.accept(each, await find(each)) for each in slot.references])
    """
    for variable in variables:
        value = values[variable.name]
        if variable.type is VariableType.FILE and isinstance(value, dict):
            yield FileSlot(variable, (parse_file_reference(value),))
        elif variable.type is VariableType.FILE_LIST and isinstance(value, list):
            mappings = [item for item in value if isinstance(item, dict) and is_complete(item)]
            yield FileSlot(variable, tuple(map(parse_file_reference, mappings)))


def _cast_text(variable: StartVariable, value: Value) -> str:
    text = _text(variable, value)
    if variable.max_length and len(text) > variable.max_length:
        raise variable.refuse(f"less than {variable.max_length} characters")
    return _without_nul(text)


def _cast_select(variable: StartVariable, value: Value) -> str:
    text = _text(variable, value)
    if text not in variable.options:
        raise variable.refuse(f"one of the following: {list(variable.options)}")
    return _without_nul(text)


def _cast_number(variable: StartVariable, value: Value) -> Value:
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        raise variable.refuse("a valid number")
    if not value.strip():
        return None
    try:
        number = float(value) if "." in value else int(value)
    except ValueError:
        raise variable.refuse("a valid number") from None
    if not math.isfinite(number):
        raise variable.refuse("a valid number")
    return number


_TRUTH_WORDS: Final = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip


def _cast_checkbox(variable: StartVariable, value: Value) -> bool:
    """Dify lets any other value pass (deviation D24)."""
    if isinstance(value, str) and value.strip().lower() in _TRUTH_WORDS:
        return _TRUTH_WORDS[value.strip().lower()]
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    raise variable.refuse("a boolean")


def _cast_object(variable: StartVariable, value: Value) -> Value:
    if value and not isinstance(value, dict):
        raise variable.refuse("a dict")
    return _without_nul(value) if isinstance(value, str) else value


def _cast_file(variable: StartVariable, value: Value) -> Value:
    if value == "" and not variable.required:
        return None
    if not isinstance(value, dict):
        raise variable.refuse("a file")
    return value


def _cast_file_list(variable: StartVariable, value: Value) -> Value:
    if value == "" and not variable.required:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise variable.refuse("a list of files")
    if variable.max_length and len(value) > variable.max_length:
        raise variable.refuse(f"less than {variable.max_length} files")
    return value


def _cast_external(variable: StartVariable, value: Value) -> Value:
    """`external_data_tool` is no part of workflow apps; old files still declare it."""
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, dict) for item in value)
    ):
        raise InvalidParameter(f"Invalid input type for {[variable.name]}")
    return _without_nul(value) if isinstance(value, str) else value


def _text(variable: StartVariable, value: Value) -> str:
    if not isinstance(value, str):
        raise InvalidParameter(
            f"(type '{variable.type}') {variable.name} in input form must be a string"
        )
    return value


def _without_nul(text: str) -> str:
    return text.replace("\x00", "")


_CASTS: Final[dict[VariableType, Callable[[StartVariable, Value], Value]]] = {
    VariableType.TEXT_INPUT: _cast_text,
    VariableType.PARAGRAPH: _cast_text,
    VariableType.SELECT: _cast_select,
    VariableType.NUMBER: _cast_number,
    VariableType.CHECKBOX: _cast_checkbox,
    VariableType.JSON_OBJECT: _cast_object,
    VariableType.FILE: _cast_file,
    VariableType.FILE_LIST: _cast_file_list,
    VariableType.EXTERNAL_DATA_TOOL: _cast_external,
}
