"""Variables of the environment, filled into what the file says."""

import re
from collections.abc import Mapping
from typing import Final

from graphmill.config.mistakes import Mistake
from graphmill.dsl.model import DataPath

_DIFY_NAMES: Final = {
    "endpoint": "CODE_EXECUTION_ENDPOINT",
    "api_key": "CODE_EXECUTION_API_KEY",
}
_REFERENCE: Final = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


def with_dify_names(data: object, environ: Mapping[str, str]) -> object:
    """Variables that Dify's own deployment has count where the file says nothing."""
    named = {key: environ[name] for key, name in _DIFY_NAMES.items() if environ.get(name)}
    return _filled_up(data, {"sandbox": {"remote": named}})


def _filled_up(data: object, defaults: object) -> object:
    """`data` with the defaults for what it leaves out, level by level."""
    if data is None:
        return defaults
    if not isinstance(data, dict) or not isinstance(defaults, dict):
        return data
    return {**data, **{key: _filled_up(data.get(key), defaults[key]) for key in defaults}}


def expand(
    data: object, environ: Mapping[str, str], at: DataPath, mistakes: list[Mistake]
) -> object:
    """Fill in `${NAME}` and `${NAME:-default}`; empty variables take the default, as in shells."""

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        value = environ.get(name or "")
        if name is None:
            mistakes.append((at, "Write ${NAME} or ${NAME:-default}"))
        elif value is None and default is None:
            hint = f"set it, or write ${{{name}:-default}}"
            mistakes.append((at, f"The environment variable {name} is not set; {hint}"))
        return value or default or ""

    match data:
        case str():
            return _REFERENCE.sub(value_of, data) if "${" in data else data
        case dict():
            return {
                key: expand(value, environ, (*at, key), mistakes) for key, value in data.items()
            }
        case list():
            return [expand(value, environ, (*at, i), mistakes) for i, value in enumerate(data)]
        case _:
            return data
