"""Speech: text that is spoken, recordings that are written down."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Voice:
    """Who is to speak; what is empty is left to the speaker."""

    name: str = ""
    """As the speaker calls it. An app may name a voice of another speaker."""
    language: str = ""
    """Tag such as `en-US`."""


class Speaker(Protocol):
    @property
    def lack(self) -> str | None:
        """What is to be done before it can speak, as a sentence; None: nothing."""
        ...

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        """`text`, some sentences at most, as MP3. Pieces that follow each other can be joined.

        Raises NoVoice, ModelNotConfigured when something is not installed, or ModelFailed."""
        ...


class Listener(Protocol):
    async def transcribe(self, audio: bytes, *, filename: str, mime_type: str) -> str:
        """What is said in a recording. Raises ModelFailed."""
        ...
