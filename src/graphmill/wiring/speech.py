"""Who speaks, and who writes down what is spoken."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from graphmill.config import Settings
from graphmill.config.speech import SpeechToTextSettings, TextToSpeechSettings
from graphmill.models import openai
from graphmill.models.endpoint import Endpoint
from graphmill.ports.speech import Listener, Speaker
from graphmill.service.speech.speech import Speech
from graphmill.speech.espeak import Espeak
from graphmill.speech.openai import OpenAIListener, OpenAISpeaker, endpoint_of
from graphmill.wiring.outbound import open_client, service_rules


@asynccontextmanager
async def open_speech(settings: Settings) -> AsyncIterator[Speech]:
    """Nothing is started or connected before something is spoken."""
    spoken, written = settings.speech.text_to_speech, settings.speech.speech_to_text
    async with AsyncExitStack() as stack:

        async def endpoint(entry: TextToSpeechSettings | SpeechToTextSettings) -> Endpoint:
            base_url = entry.base_url or openai.BASE_URL
            http = await stack.enter_async_context(open_client(service_rules(base_url)))
            return endpoint_of(base_url, entry.api_key, http)

        listener: Listener | None = None
        if written is not None:
            listener = OpenAIListener(await endpoint(written), model=written.model)
        if spoken.kind == "openai":
            speaker: Speaker = OpenAISpeaker(
                await endpoint(spoken), model=spoken.model, voice=spoken.voice
            )
        else:
            speaker = espeak = Espeak(spoken.voice)
            stack.push_async_callback(espeak.close)
        yield Speech(speaker, listener)
