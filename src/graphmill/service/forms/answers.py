"""What a person fills in, checked against the form (`nodes §20`, `service-api §22.2`)."""

from collections.abc import Mapping
from typing import Final

from graphmill.errors import FormDataInvalid, InvalidParameter
from graphmill.jsontext import storable
from graphmill.ports.forms import Answer, Form, FormInput, InputType
from graphmill.service.runs.inputs import Find
from graphmill.variables.file_references import accept_file, parse_file_reference
from graphmill.variables.values import Value

_NOTHING: Final[tuple[Value, ...]] = (None, "", [])


async def read_answer(
    form: Form, action_id: str, values: Mapping[str, Value], find: Find
) -> Answer:
    """`values` that the form does not ask for are dropped. Raises FormDataInvalid."""
    if form.action(action_id) is None:
        raise FormDataInvalid(f"Invalid action: {action_id}")
    missing = [each.name for each in form.inputs if _is_missing(each, values)]
    if missing:
        raise FormDataInvalid(f"Missing required inputs: {', '.join(missing)}")
    return Answer(
        action_id, {each.name: await _value(each, values[each.name], find) for each in form.inputs}
    )


def _is_missing(field: FormInput, values: Mapping[str, Value]) -> bool:
    """A text may be empty, but has to be sent like all others."""
    return field.name not in values or (not field.type.is_text and values[field.name] in _NOTHING)


async def _value(field: FormInput, value: Value, find: Find) -> Value:
    if field.type.is_text:
        if not isinstance(value, str | None):
            raise _invalid(field, "it must be a text")
        return None if value is None else storable(value.replace("\x00", ""))
    if field.type is InputType.SELECT:
        if value not in field.options:
            raise _invalid(field, f"{value!r} is none of {list(field.options)}")
        return value
    if field.type is InputType.FILE:
        return await _file(field, value, find)
    if not isinstance(value, list):
        raise _invalid(field, "it must be a list of files")
    if field.most_files and len(value) > field.most_files:
        raise _invalid(field, f"it takes at most {field.most_files} files")
    return [await _file(field, each, find) for each in value]


async def _file(field: FormInput, mapping: Value, find: Find) -> Value:
    if not isinstance(mapping, dict):
        raise _invalid(field, "it must be a file")
    try:
        reference = parse_file_reference(mapping)
        found = await find(reference)
        return accept_file(reference, found, field.files, strict=field.type is InputType.FILE)
    except InvalidParameter as error:
        raise _invalid(field, str(error)) from None


def _invalid(field: FormInput, reason: str) -> FormDataInvalid:
    return FormDataInvalid(f"Invalid value for {field.type} input {field.name!r}: {reason}")
