"""Speech over OpenAI's protocol, which many other servers speak."""

import secrets
from typing import Final

from pydantic import SecretStr

from graphmill import jsontext
from graphmill.models.endpoint import Endpoint
from graphmill.models.openai import OpenAI
from graphmill.models.provider import Call, decoded
from graphmill.ports.http import HttpClient
from graphmill.ports.speech import Voice

SECONDS: Final = 60.0
"""For a sentence, and for a recording."""
MODEL: Final = "tts-1"
VOICE: Final = "alloy"

_HARMLESS: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""As browsers write file names in forms."""


def endpoint_of(base_url: str, api_key: SecretStr | None, http: HttpClient) -> Endpoint:
    secret = "" if api_key is None else api_key.get_secret_value()
    return Endpoint(
        base_url.rstrip("/"), OpenAI().headers(secret), secret, http, total_seconds=SECONDS
    )


class OpenAISpeaker:
    """`ports.Speaker`."""

    def __init__(self, endpoint: Endpoint, *, model: str | None, voice: str | None) -> None:
        """`voice` speaks where the app names none."""
        self._endpoint = endpoint
        self._model = model or MODEL
        self._voice = voice or VOICE

    @property
    def lack(self) -> None:
        """Nothing."""
        return None

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        body = {
            "model": self._model,
            "input": text,
            "voice": voice.name or self._voice,
            "response_format": "mp3",
        }
        return await self._endpoint.ask(Call("/audio/speech", jsontext.encode(body)), bytes)


class OpenAIListener:
    """`ports.Listener`."""

    def __init__(self, endpoint: Endpoint, *, model: str) -> None:
        self._endpoint = endpoint
        self._model = model

    async def transcribe(self, audio: bytes, *, filename: str, mime_type: str) -> str:
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
            f"{self._model}\r\n"
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{filename.translate(_HARMLESS)}"\r\nContent-Type: {mime_type}\r\n\r\n'
        )
        body = b"".join([head.encode(), audio, f"\r\n--{boundary}--\r\n".encode()])
        call = Call(
            "/audio/transcriptions", body, content_type=f"multipart/form-data; boundary={boundary}"
        )
        return await self._endpoint.ask(call, _text)


def _text(body: bytes) -> str:
    text = decoded(body)["text"]
    if not isinstance(text, str):
        raise TypeError("the text is none")
    return text
