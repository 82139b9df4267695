"""Providers as workers register them (`nextcloud-ocs §12.1, §12.2`)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, StrictInt, StrictStr, ValidationError

from graphmill.service.tasks.catalogue import CATALOGUE
from graphmill.service.tasks.shapes import Shape, Slot, TaskType, slot_type_of

_Model = TypeVar("_Model", bound=BaseModel)


def _object(value: object) -> object:
    """PHP, and those who write for it, send an empty map as a list."""
    return {} if value == [] else value


class _Entry(BaseModel):
    name: StrictStr
    description: StrictStr
    shape_type: StrictInt


class _Choice(BaseModel):
    name: StrictStr
    value: StrictStr


_Choices: TypeAlias = Annotated[dict[str, list[_Choice]], BeforeValidator(_object)]
_Defaults: TypeAlias = Annotated[dict[str, str | int | float | None], BeforeValidator(_object)]


class ProviderData(BaseModel):
    """All keys are needed."""

    id: StrictStr
    name: StrictStr
    task_type: StrictStr
    expected_runtime: StrictInt
    optional_input_shape: list[_Entry]
    optional_output_shape: list[_Entry]
    input_shape_enum_values: _Choices
    input_shape_defaults: _Defaults
    optional_input_shape_enum_values: _Choices
    optional_input_shape_defaults: _Defaults
    output_shape_enum_values: _Choices
    optional_output_shape_enum_values: _Choices


class CustomTypeData(BaseModel):
    id: StrictStr
    name: StrictStr
    description: StrictStr
    input_shape: list[_Entry]
    output_shape: list[_Entry]


@dataclass(frozen=True, slots=True)
class Provider:
    worker_id: str
    id: str
    type: TaskType | None
    """None for a type that nobody described."""
    type_id: str
    expected_seconds: int


def read_provider(worker_id: str, provider: object, custom_type: object) -> Provider:
    """Raises ValueError for what is no registration."""
    data = _read(ProviderData, "provider", provider)
    base = CATALOGUE.get(data.task_type)
    if custom_type is not None:
        custom = _read(CustomTypeData, "customTaskType", custom_type)
        if custom.id != data.task_type:
            raise ValueError("The custom task type is another one than that of the provider")
        base = TaskType(
            custom.id,
            custom.name,
            custom.description,
            inputs=_shape(custom.input_shape),
            outputs=_shape(custom.output_shape),
        )
    extras = _shape(data.optional_input_shape), _shape(data.optional_output_shape)
    return Provider(
        worker_id,
        data.id,
        None if base is None else _described(base, data, *extras),
        data.task_type,
        max(0, data.expected_runtime),
    )


def _read(model: type[_Model], name: str, value: object) -> _Model:
    """Raises ValueError, which names the first thing that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, (name, *first["loc"])))
        raise ValueError(f"{path}: {first['msg']}") from None


def _described(base: TaskType, data: ProviderData, inputs: Shape, outputs: Shape) -> TaskType:
    return replace(
        base,
        inputs=_filled(base.inputs, data.input_shape_enum_values, data.input_shape_defaults),
        optional_inputs=_filled(
            inputs, data.optional_input_shape_enum_values, data.optional_input_shape_defaults
        ),
        outputs=_filled(base.outputs, data.output_shape_enum_values, {}),
        optional_outputs=_filled(outputs, data.optional_output_shape_enum_values, {}),
    )


def _shape(entries: list[_Entry]) -> Shape:
    return {
        each.name: Slot(slot_type_of(each.shape_type), each.name, each.description)
        for each in entries
    }


def _filled(
    shape: Shape, choices: Mapping[str, list[_Choice]], defaults: Mapping[str, Any]
) -> Shape:
    """Defaults are for slots that hold neither files nor lists."""
    return {
        key: replace(
            slot,
            choices={each.value: each.name for each in choices.get(key, ())},
            default=None if slot.type.is_file or slot.type.is_list else defaults.get(key),
        )
        for key, slot in shape.items()
    }
