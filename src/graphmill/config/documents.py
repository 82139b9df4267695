"""`documents`: what reading one may cost."""

from pydantic import Field, PositiveInt

from graphmill.config.section import Section


class DocumentSettings(Section):
    """Of reading one document; the last of all."""

    seconds: PositiveInt = 60
    memory_mb: int = Field(512, ge=256)
    concurrency: PositiveInt = 4
