"""The built-in provider `audio`: names and parameters are those of Dify's. Who speaks and who
listens, config `speech` says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from graphmill.errors import FileNotFound, InvalidParameter, ModelError, ToolFailed
from graphmill.media_types import UNKNOWN
from graphmill.ports.files import FileVault
from graphmill.ports.speech import Listener, Voice
from graphmill.ports.tools import (
    BlobMessage,
    Invocation,
    Parameter,
    ParameterType,
    TextMessage,
    Tool,
    ToolResult,
)
from graphmill.tools.toolbox import ToolSet
from graphmill.variables.files import File
from graphmill.variables.values import Value

SPEAK: Final = "tts"
LISTEN: Final = "asr"
NOBODY_LISTENS: Final = (
    "Speech to text is not configured; set speech.speech_to_text in config.yaml."
)


class Speech(Protocol):
    """Speech as this server has it."""

    @property
    def lack(self) -> str | None:
        """What is to be done before anything can be spoken; None: nothing."""
        ...

    @property
    def listener(self) -> Listener | None: ...

    async def speak(self, text: str, voice: Voice) -> bytes:
        """`text` as MP3. Raises InvalidParameter or ModelError."""
        ...


def audio_tools(speech: Speech, files: FileVault, *, largest: int) -> ToolSet:
    """Those that can work here. `largest`: bytes of a recording."""
    tools: dict[str, Tool] = {}
    lacking: dict[str, str] = {}
    if speech.lack is None:
        tools[SPEAK] = SpeakingTool(speech)
    else:
        lacking[SPEAK] = speech.lack
    if speech.listener is not None:
        tools[LISTEN] = ListeningTool(speech.listener, files, largest)
    else:
        lacking[LISTEN] = NOBODY_LISTENS
    return ToolSet(tools, lacking)


@dataclass(frozen=True, slots=True)
class SpeakingTool:
    """`ports.Tool`"""

    speech: Speech
    description: str = "Convert text to audio file."
    parameters: tuple[Parameter, ...] = (
        Parameter("text", description="The text to be converted.", required=True),
        Parameter(
            "voice", description="Who speaks: a voice, or a language such as de.", default=""
        ),
    )

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        voice = Voice(str(arguments["voice"]))
        try:
            audio = await self.speech.speak(str(arguments["text"]), voice)
        except (InvalidParameter, ModelError) as error:
            raise ToolFailed(str(error)) from error
        done = TextMessage("Audio generated successfully")
        return ToolResult((done, BlobMessage(audio, "audio/mpeg")))


@dataclass(frozen=True, slots=True)
class ListeningTool:
    """`ports.Tool`"""

    listener: Listener
    files: FileVault
    largest: int
    """Bytes."""
    description: str = "Convert audio file to text."
    parameters: tuple[Parameter, ...] = (
        Parameter(
            "audio_file", ParameterType.FILE, "The audio file to be converted.", required=True
        ),
    )

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        file = arguments["audio_file"]
        if not isinstance(file, File):
            raise ToolFailed("not a valid audio file")
        try:
            audio = await self.files.read(file, limit=self.largest)
            text = await self.listener.transcribe(
                audio,
                filename=file.filename or "recording",
                mime_type=file.mime_type or UNKNOWN,
            )
        except (FileNotFound, ValueError, ModelError) as error:
            raise ToolFailed(str(error)) from error
        return ToolResult((TextMessage(text),))
