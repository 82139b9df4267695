"""`speech`: who speaks texts, and who writes recordings down."""

from typing import Literal

from graphmill.config.section import OptionalSecret, OptionalText, OptionalUrl, Section


class TextToSpeechSettings(Section):
    kind: Literal["espeak", "openai"] = "espeak"
    base_url: OptionalUrl = None
    api_key: OptionalSecret = None
    model: OptionalText = None
    voice: OptionalText = None


class SpeechToTextSettings(Section):
    kind: Literal["openai"] = "openai"
    base_url: OptionalUrl = None
    api_key: OptionalSecret = None
    model: str = "whisper-1"


class SpeechSettings(Section):
    text_to_speech: TextToSpeechSettings = TextToSpeechSettings()
    speech_to_text: SpeechToTextSettings | None = None
