"""From the file to the settings, or to all that is wrong with it."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from graphmill.config.clashes import clashes
from graphmill.config.environment import expand, with_dify_names
from graphmill.config.mistakes import Mistake, in_words
from graphmill.config.settings import Settings
from graphmill.dsl.reader import read_document
from graphmill.errors import ConfigInvalid


def load_settings(path: Path | None, *, environ: Mapping[str, str]) -> Settings:
    """The settings in the file at `path`; the defaults for None.

    Raises ConfigInvalid with every mistake of the file, one a line, each with its place."""
    if path is None:
        return Settings.model_validate(with_dify_names({}, environ))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from error
    document = read_document(content if content.strip() else b"{}")
    mistakes = [
        (problem.place, f"{problem.message}. {problem.hint}") for problem in document.problems
    ]
    if not mistakes:
        read = _read(document.data, path.parent.absolute(), environ)
        if isinstance(read, Settings):
            return read
        mistakes = [(document.places.of(at), message) for at, message in read]
        mistakes.sort(key=lambda mistake: (mistake[0].line, mistake[0].column))
    raise ConfigInvalid(
        "\n".join(f"{path}:{place.line}:{place.column}: {text}" for place, text in mistakes)
    )


def _read(data: object, folder: Path, environ: Mapping[str, str]) -> Settings | list[Mistake]:
    mistakes: list[Mistake] = []
    data = expand({} if data is None else data, environ, (), mistakes)
    if mistakes:
        return mistakes
    data = with_dify_names(data, environ)
    try:
        settings = Settings.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        return [(detail["loc"], in_words(detail)) for detail in error.errors()]
    return list(clashes(settings)) or settings
