"""Parameters out of JSON schemas."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from graphmill.ports.tools import Parameter, ParameterType

_TYPES: Final = {
    each.value: each
    for each in (
        ParameterType.STRING,
        ParameterType.NUMBER,
        ParameterType.INTEGER,
        ParameterType.BOOLEAN,
        ParameterType.ARRAY,
        ParameterType.OBJECT,
    )
}


def parameters_of(
    properties: Mapping[str, Mapping[str, Any]], required: Collection[str]
) -> tuple[Parameter, ...]:
    """Those of an object with these `properties`."""
    return tuple(
        parameter_of(name, schema, required=name in required) for name, schema in properties.items()
    )


def parameter_of(
    name: str, schema: Mapping[str, Any], description: str = "", *, required: bool
) -> Parameter:
    """What has several types, or none, is a text; `null` does not count."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    options = schema.get("enum")
    return Parameter(
        name,
        _TYPES.get(str(kind), ParameterType.STRING),
        description or str(schema.get("description") or ""),
        required,
        schema.get("default"),
        tuple(str(each) for each in options) if isinstance(options, list) else (),
        schema,
    )
