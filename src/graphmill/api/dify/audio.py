"""Endpoints of speech (`service-api §19`)."""

from typing import Final
from uuid import UUID

from pydantic import BaseModel
from starlette.types import ASGIApp

from graphmill.api.answers import BytesAnswer
from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.calls import Call
from graphmill.api.dify.errors import ApiError
from graphmill.api.dify.requests import body_of, is_uuid, named_user, parse, read_object
from graphmill.api.forms import UploadForm
from graphmill.errors import InvalidParameter, MessageNotFound, NoFileUploaded
from graphmill.jsontext import encode
from graphmill.ports.speech import Listener, Voice
from graphmill.storage.end_users import EndUser

LARGEST_MB: Final = 30
FORM_BYTES: Final = 64 * 1024
"""What a form may hold besides its file."""
RECORDINGS: Final = frozenset({
    "audio/amr", "audio/m4a", "audio/mp3", "audio/mp4", "audio/mpeg", "audio/mpga", "audio/ogg",
    "audio/wav", "audio/webm", "audio/x-m4a", "audio/x-wav",
})  # fmt: skip
"""Types that are taken; Dify takes no `audio/mpeg`, which is what most clients send (choice 30)."""

_MP3: Final = ((b"content-type", b"audio/mpeg"),)


class SpeechOrder(BaseModel):
    """The body of `POST /text-to-audio`; members it does not name are ignored."""

    text: str | None = None
    message_id: str | None = None
    voice: str | None = None


async def text_to_audio(call: Call) -> ASGIApp:
    body = await read_object(call)
    user = await named_user(call, body.get("user"))
    order = parse(SpeechOrder, body)
    text = order.text
    if order.message_id:
        text = await _answer_in(call, user, order.message_id)
    if not text:
        raise InvalidParameter("Text is required", "text")
    features = call.app.speech
    if not features.speaks and not order.voice:
        raise InvalidParameter("TTS is not enabled")
    voice = Voice(order.voice or features.voice.name, features.voice.language)
    return BytesAnswer(await call.services.speech.speak(text, voice), headers=_MP3)


async def audio_to_text(call: Call) -> ASGIApp:
    if not call.app.speech.listens:
        raise ApiError(400, "speech_to_text_disabled", "Speech to text is disabled.")
    body = body_of(call, limit=(LARGEST_MB << 20) + FORM_BYTES, excess=_too_large)
    try:
        form = UploadForm(body, call.headers.get(b"content-type", b""))
        part = await form.file()
    except NoFileUploaded:
        raise ApiError(400, "no_audio_uploaded", "Please upload your audio.") from None
    if part.mime_type not in RECORDINGS:
        raise ApiError(415, "unsupported_audio_type", "Audio type not allowed.")
    audio = b"".join([piece async for piece in form.chunks()])
    if len(audio) > LARGEST_MB << 20:
        raise _too_large()
    await named_user(call, form.text("user"))
    text = await _listener(call).transcribe(audio, filename=part.name, mime_type=part.mime_type)
    return JsonAnswer(encode({"text": text}))


async def _answer_in(call: Call, user: EndUser, message_id: str) -> str:
    if not is_uuid(message_id):
        raise MessageNotFound("Message Not Exists.")
    message = await call.services.conversations.message(user, str(UUID(message_id)))
    return message.answer


def _listener(call: Call) -> Listener:
    listener = call.services.speech.listener
    if listener is None:
        raise ApiError(
            400, "provider_not_support_speech_to_text", "Provider not support speech to text."
        )
    return listener


def _too_large() -> ApiError:
    return ApiError(413, "audio_too_large", f"Audio size larger than {LARGEST_MB} mb")
