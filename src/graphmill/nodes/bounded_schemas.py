"""JSON schemas of authors on values of callers, where no check may take more than a moment.

Python's `re` tries for hours what `^(a+)+$` makes of thirty letters, and the whole server waits.
Patterns are matched here by pydantic's engine, whose time grows with the text and no faster; it has
no look-around and no back-references. Heavy to import."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend
from pydantic_core import SchemaError, SchemaValidator, core_schema
from referencing import Registry

_VALUES: Final = frozenset({"const", "default", "enum", "examples"})
"""Members of a schema that hold values, not schemas."""


def bounded_validator(schema: Mapping[str, Any]) -> Draft7Validator:
    """Raises ValueError for a pattern that cannot be matched in bounded time."""
    for pattern in _patterns(schema):
        _matcher(pattern)
    # An empty registry: a schema that refers to a URL must not make this server fetch it.
    validator: Draft7Validator = _Bounded(dict(schema), registry=Registry())
    return validator


def _patterns(schema: object) -> Iterator[str]:
    match schema:
        case dict():
            if isinstance(schema.get("pattern"), str):
                yield schema["pattern"]
            if isinstance(schema.get("patternProperties"), dict):
                yield from schema["patternProperties"]
            for key, value in schema.items():
                if key not in _VALUES:
                    yield from _patterns(value)
        case list():
            for value in schema:
                yield from _patterns(value)
        case _:
            pass


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> SchemaValidator:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError as error:
        raise ValueError(
            f"The pattern {pattern!r} cannot be matched in bounded time, or is none; it must do "
            "without look-around and back-references"
        ) from error


def _fits(pattern: str, text: str) -> bool:
    return _matcher(pattern).isinstance_python(text, strict=True)


def _pattern(
    validator: Draft7Validator, pattern: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _fits(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Draft7Validator, patterns: Mapping[str, Any], instance: object, schema: object
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _fits(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Draft7Validator, allowed: object, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [
        name
        for name in instance
        if name not in known and not any(_fits(pattern, name) for pattern in patterns)
    ]
    if isinstance(allowed, dict):
        for name in extras:
            yield from validator.descend(instance[name], allowed, path=name)
    elif not allowed and extras:
        names = ", ".join(map(repr, extras))
        verb = "was" if len(extras) == 1 else "were"
        yield ValidationError(f"Additional properties are not allowed ({names} {verb} unexpected)")


def _unique_items(
    validator: Draft7Validator, is_asked: object, instance: object, schema: object
) -> Iterator[ValidationError]:
    """By the text of each item: jsonschema compares mappings each with each."""
    if is_asked is True and isinstance(instance, list):
        texts = {json.dumps(item, sort_keys=True) for item in instance}
        if len(texts) < len(instance):
            yield ValidationError(f"{instance!r} has non-unique elements")


# jsonschema says nothing about the types of this one.
_Bounded: Final = extend(  # type: ignore[no-untyped-call]
    Draft7Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    },
)
