"""Pictures from words, as a tool: config `tools` of kind `images` names the model that draws."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from graphmill.errors import ModelError, ToolFailed
from graphmill.media_types import UNKNOWN, mime_type_in
from graphmill.ports.models import ModelRef
from graphmill.ports.tools import (
    BlobMessage,
    Invocation,
    Parameter,
    ParameterType,
    Tool,
    ToolResult,
)
from graphmill.together import together
from graphmill.variables.values import Value

MOST: Final = 12
"""Pictures of one call; as many as Nextcloud's users may ask for (`nextcloud-ocs §16.2`)."""


class Painter(Protocol):
    """The models that draw."""

    async def draw(self, model: ModelRef, prompt: str, *, size: str | None) -> bytes:
        """A picture, in a format of the provider's choice. `size`: as the provider writes it, such
        as `1024x1024`; None leaves it to the provider. Raises ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class ImageProvider:
    """`toolbox.Provider`: one model. It is the only tool, whatever the workflow calls it."""

    model: ModelRef
    painter: Painter

    async def tool(self, name: str) -> Tool:
        return ImageTool(self.model, self.painter)

    def has(self, name: str) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class ImageTool:
    """`ports.Tool`"""

    model: ModelRef
    painter: Painter
    description: str = "Draws images from a description."
    parameters: tuple[Parameter, ...] = (
        Parameter("prompt", description="What is to be seen.", required=True),
        Parameter("n", ParameterType.INTEGER, f"How many images, {MOST} at most.", default=1),
        Parameter("size", description="Width and height in pixels, such as 1024x1024."),
    )

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        count = int(str(arguments["n"]))
        if not 1 <= count <= MOST:
            raise ToolFailed(f"n must be between 1 and {MOST}, not {count}")
        prompt, size = str(arguments["prompt"]), str(arguments.get("size") or "") or None
        try:
            # One call a picture: many models draw no more at a time.
            pictures = await together(
                self.painter.draw(self.model, prompt, size=size) for _ in range(count)
            )
        except ModelError as error:
            raise ToolFailed(str(error)) from error
        return ToolResult(
            tuple(BlobMessage(each, mime_type_in(each) or UNKNOWN) for each in pictures)
        )
