"""`graphmill graph`: the picture of a workflow file."""

from pathlib import Path
from typing import Final

from graphmill.cli.mermaid import to_mermaid
from graphmill.cli.svg import to_svg
from graphmill.dsl.load import load_workflow
from graphmill.errors import WorkflowInvalid
from graphmill.service.apps.reading import content_of

_FORMATS: Final = {"mermaid": to_mermaid, "svg": to_svg}


def draw(path: Path, format: str) -> str:
    """The workflow of a file as text; `format` is mermaid or svg.

    A graph is drawn as far as it can be read. Raises WorkflowInvalid when nothing can be."""
    loaded = load_workflow(content_of(path))
    if loaded.workflow is None:
        raise WorkflowInvalid(loaded.errors)
    return _FORMATS[format](loaded.workflow)
