"""Between slots and runs: what a task's input is for the start form, and a run's outputs for the
task (`nextcloud-ocs §19.4`)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from graphmill.jsontext import decode, encode
from graphmill.service.tasks.offers import WorkflowBacking
from graphmill.service.tasks.shapes import SlotType, TaskType
from graphmill.service.tasks.validation import Values
from graphmill.variables.files import File
from graphmill.variables.inputs import StartVariable, VariableType

Describe: TypeAlias = Callable[[int], Awaitable[dict[str, Any]]]
"""Id of a file → the mapping that names it in the inputs of a run."""
Number: TypeAlias = Callable[[File], Awaitable[int]]
"""File of a run → its id."""


async def run_inputs(
    task_type: TaskType, backing: WorkflowBacking, values: Values, describe: Describe
) -> dict[str, Any]:
    """By start variable, as they would come out of a JSON body."""
    slots = {**task_type.inputs, **task_type.optional_inputs}
    inputs: dict[str, Any] = {}
    for key, value in values.items():
        variable = backing.inputs[key]
        if not slots[key].type.is_file:
            inputs[variable.name] = _input(variable, value)
        elif isinstance(value, list):
            inputs[variable.name] = [await describe(int(float(each))) for each in value]
        else:
            mapping = await describe(int(float(value)))
            is_list = variable.type is VariableType.FILE_LIST
            inputs[variable.name] = [mapping] if is_list else mapping
    return inputs


def _input(variable: StartVariable, value: Any) -> Any:
    if variable.type is VariableType.JSON_OBJECT and isinstance(value, str):
        try:
            return decode(value.encode())
        except ValueError:
            return value
    if variable.type is VariableType.NUMBER and isinstance(value, str):
        number = float(value)
        return int(number) if number.is_integer() else number
    if variable.type is VariableType.CHECKBOX:
        return value
    return _text(value) if variable.type in _TEXTS else value


_TEXTS = (VariableType.TEXT_INPUT, VariableType.PARAGRAPH, VariableType.SELECT)


async def task_output(
    task_type: TaskType, backing: WorkflowBacking, outputs: Mapping[str, Any], number: Number
) -> Values:
    """By slot. Outputs that the run did not give are left out; a value that no slot of its type can
    hold stays as it is, for `check_output` to refuse."""
    slots = {**task_type.outputs, **task_type.optional_outputs}
    values: Values = {}
    for key, name in backing.outputs.items():
        value = outputs.get(name)
        if value is not None:
            values[key] = await _output(slots[key].type, value, number)
    return values


async def _output(slot_type: SlotType, value: Any, number: Number) -> Any:
    if slot_type.is_file:
        files = [each for each in _as_list(value) if isinstance(each, File)]
        numbers = [await number(file) for file in files]
        return numbers if slot_type.is_list else next(iter(numbers), value)
    match slot_type:
        case SlotType.TEXT | SlotType.ENUM:
            return _text(value)
        case SlotType.LIST_OF_TEXTS:
            return [_text(each) for each in _as_list(value)]
        case _:
            return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """A text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    return encode(value, default=_shown).decode()


def _shown(value: object) -> object:
    if isinstance(value, File):
        return value.to_mapping()
    raise TypeError(f"{type(value).__name__} is no JSON value")
