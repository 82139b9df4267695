"""The values that a tool is called with: as the YAML gives them, and as the tool wants them."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from graphmill.nodes.base import Section
from graphmill.ports.tools import Parameter, ParameterType
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector, parse_selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value, mask_secret

_TRUE: Final = frozenset({"true", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "n", "0", ""})


class GivenValue(Section):
    """How a parameter gets its value."""

    type: Literal["mixed", "variable", "constant"]
    value: Any = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        """Dify's texts (`nodes §11`)."""
        match self.type:
            case "mixed" if not isinstance(self.value, str):
                raise ValueError("value must be a string")
            case "variable" if not isinstance(self.value, list):
                raise ValueError("value must be a list")
            case "variable" if not all(isinstance(step, str) for step in self.value):
                raise ValueError("value must be a list of strings")
            case "constant" if not isinstance(self.value, str | int | float | bool | dict | list):
                raise ValueError("value must be one of: str, int, float, bool, dict, list")
        return self


def _without_empty(raw: object) -> object:
    """Without the entries that say nothing, which the editor leaves behind."""
    if not isinstance(raw, dict):
        return raw
    return {
        name: entry
        for name, entry in raw.items()
        if entry is not None and not (isinstance(entry, dict) and entry.get("value", "") is None)
    }


def _all_given(raw: object) -> object:
    """Old files have plain values, which are constants."""
    raw = _without_empty(raw)
    if not isinstance(raw, dict):
        return raw
    return {
        name: entry
        if isinstance(entry, dict) and "type" in entry
        else {"type": "constant", "value": entry}
        for name, entry in raw.items()
    }


GivenValues: TypeAlias = Annotated[
    Mapping[str, GivenValue], BeforeValidator(_without_empty), Field(default_factory=dict)
]
Settings: TypeAlias = Annotated[
    Mapping[str, GivenValue], BeforeValidator(_all_given), Field(default_factory=dict)
]
"""The same where plain values are allowed."""


def shown_at(selector: Selector, pool: Pool) -> Value | Missing:
    """The value of a variable as logs may keep it."""
    value = pool.find(selector)
    return mask_secret(str(value)) if pool.is_secret(selector) else value


class Source:
    """Where the value of one parameter comes from, prepared as far as that goes."""

    __slots__ = ("_template", "selector")

    def __init__(self, given: GivenValue, text: Callable[[Value], str] = str) -> None:
        """`text`: how a constant that is no text becomes one (`nodes §11, §19`)."""
        value = given.value
        is_variable = given.type == "variable"
        self.selector: Selector | None = parse_selector(value) if is_variable else None
        self._template = Template.parse(
            "" if is_variable else value if isinstance(value, str) else text(value)
        )

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """Everything that it looks up."""
        return self._template.selectors if self.selector is None else (self.selector,)

    def value(self, pool: Pool) -> Value | Missing:
        if self.selector is None:
            return self._template.render(pool)
        return pool.find(self.selector)

    def shown(self, pool: Pool) -> Value | Missing:
        """The same for the logs: secrets are masked."""
        if self.selector is None:
            return self._template.render_log(pool)
        return shown_at(self.selector, pool)


def fit_arguments(
    parameters: tuple[Parameter, ...], values: Mapping[str, Value]
) -> dict[str, Value]:
    """`values` in the types of their parameters, with the defaults of those that are left out;
    names that are no parameters are dropped.

    Raises ValueError naming the parameter that is missing or cannot have its value."""
    arguments: dict[str, Value] = {}
    for parameter in parameters:
        value = values.get(parameter.name)
        if value is None or (value == "" and parameter.type is not ParameterType.STRING):
            value = parameter.default
        if value is not None:
            arguments[parameter.name] = _fitted(parameter, value)
        elif parameter.required:
            raise ValueError(f"The parameter {parameter.name!r} needs a value")
    return arguments


def _fitted(parameter: Parameter, value: Value) -> Value:
    try:
        fitted = _CASTS[parameter.type](value)
    except (ValueError, OverflowError, RecursionError):
        message = f"The parameter {parameter.name!r} must be of type {parameter.type}"
        raise ValueError(f"{message}, not {str(value)[:100]!r}") from None
    if parameter.options and str(fitted) not in parameter.options:
        choice = ", ".join(parameter.options)
        raise ValueError(f"The parameter {parameter.name!r} must be one of {choice}")
    return fitted


def _to_text(value: Value) -> Value:
    return value if isinstance(value, str) else str(value)


def _to_number(value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(value)
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        number = float(value)
        if not math.isfinite(number):
            raise
        return number


def _to_integer(value: Value) -> Value:
    number = _to_number(value)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if not isinstance(number, int):
        raise ValueError(value)
    return number


def _to_boolean(value: Value) -> Value:
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(value)
    return word in _TRUE


def _to_list(value: Value) -> Value:
    read = _from_json(value)
    return read if isinstance(read, list) else [read]


def _to_object(value: Value) -> Value:
    read = _from_json(value)
    if not isinstance(read, dict):
        raise ValueError(value)
    return read


def _from_json(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    read: Value = json.loads(value)
    return read


_CASTS: Final[Mapping[ParameterType, Callable[[Value], Value]]] = {
    ParameterType.STRING: _to_text,
    ParameterType.NUMBER: _to_number,
    ParameterType.INTEGER: _to_integer,
    ParameterType.BOOLEAN: _to_boolean,
    ParameterType.ARRAY: _to_list,
    ParameterType.OBJECT: _to_object,
    ParameterType.FILE: lambda value: value[0] if isinstance(value, list) and value else value,
    ParameterType.FILES: lambda value: value if isinstance(value, list) else [value],
}
