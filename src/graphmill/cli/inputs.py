"""Inputs from the command line: texts, JSON and paths, as the start variables want them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typer

from graphmill.service.files.loose import LooseFiles
from graphmill.variables.files import TransferMethod
from graphmill.variables.inputs import StartVariable, VariableType

_REMOTE: Final = ("http://", "https://")


def collect_inputs(
    variables: Sequence[StartVariable],
    assignments: Sequence[str],
    path: Path | None,
    files: LooseFiles,
) -> dict[str, Any]:
    """The inputs of a run as a request would send them: those of the JSON file at `path`, then
    `name=value` after `name=value`; paths of files are laid open in `files`.

    Raises typer.BadParameter with what to write instead."""
    known = {variable.name: variable for variable in variables}
    inputs = {} if path is None else _read_object(path)
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise typer.BadParameter(f"{assignment!r} should be name=value.", param_hint="-i")
        if name not in known:
            names = ", ".join(known) or "none at all"
            raise typer.BadParameter(
                f"There is no input {name!r}; the workflow has {names}.", param_hint="-i"
            )
        if known[name].type is VariableType.FILE_LIST:
            inputs[name] = [*inputs.get(name, []), value]
        else:
            inputs[name] = _value(known[name], value)
    return {name: _with_files(known.get(name), value, files) for name, value in inputs.items()}


def _read_object(path: Path) -> dict[str, Any]:
    try:
        inputs = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--inputs") from None
    except ValueError as error:
        raise typer.BadParameter(f"{path} is no JSON: {error}", param_hint="--inputs") from None
    if not isinstance(inputs, dict):
        raise typer.BadParameter(f"{path} is no JSON object.", param_hint="--inputs")
    return inputs


def _value(variable: StartVariable, text: str) -> Any:
    if variable.type is not VariableType.JSON_OBJECT:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{variable.name} wants a JSON object: {error}", param_hint="-i"
        ) from None


def _with_files(variable: StartVariable | None, value: Any, files: LooseFiles) -> Any:
    """Mappings in place of the paths and URLs of a file variable."""
    if variable is not None and variable.type is VariableType.FILE:
        return _mapping(variable, value, files)
    if variable is not None and variable.type is VariableType.FILE_LIST and isinstance(value, list):
        return [_mapping(variable, item, files) for item in value]
    return value


def _mapping(variable: StartVariable, value: Any, files: LooseFiles) -> Any:
    return file_mapping(variable.name, value, files) if isinstance(value, str) else value


def file_mapping(name: str, value: str, files: LooseFiles) -> dict[str, str]:
    """How a request would name the file at the path or URL `value`, for the input `name`. Raises
    typer.BadParameter."""
    if value.startswith(_REMOTE):
        return {"transfer_method": TransferMethod.REMOTE_URL.value, "url": value}
    path = Path(value)
    if not path.is_file():
        raise typer.BadParameter(f"{name}: there is no file {value}.", param_hint="-i")
    return {
        "transfer_method": TransferMethod.LOCAL_FILE.value,
        "upload_file_id": files.add(path),
    }
