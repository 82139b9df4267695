"""What is wrong with a configuration, in words."""

import difflib
from typing import TypeAlias, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from graphmill.config.settings import Settings
from graphmill.dsl.model import DataPath

Mistake: TypeAlias = tuple[DataPath, str]
"""Where in the file, and what is wrong there."""


def in_words(detail: ErrorDetails) -> str:
    """What pydantic found, for whoever writes the file."""
    path, message = detail["loc"], detail["msg"].removeprefix("Value error, ")
    name = _dotted(path)
    match detail["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(path[-1]), _known_keys(path[:-1]), n=1)
            return f"{name} is not a setting" + (f"; did you mean {near[0]!r}?" if near else "")
        case "missing":
            return f"{name} is missing"
        case "model_type" | "dict_type":
            return f"{name or 'The file'} should hold keys with values"
        case "too_short" | "string_too_short":
            return f"{name} must not be empty"
        case "string_type":
            return f"{name}: {message}; put it in quotes"
        case _:
            return f"{name}: {message}" if name else message


def _dotted(path: DataPath) -> str:
    """`apps[0].workflow`"""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _known_keys(path: DataPath) -> list[str]:
    """The keys of the section at `path`."""
    section: type[BaseModel] = Settings
    for step in path:
        if isinstance(step, str) and step in section.model_fields:
            section = _section_in(section.model_fields[step].annotation) or section
    return list(section.model_fields)


def _section_in(annotation: object) -> type[BaseModel] | None:
    """The section that a field holds: itself, as an option, or in a list or mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)
