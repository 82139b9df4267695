"""Speech as callers ask for it: a text aloud, a run that is spoken along, a recording written
down."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final

from graphmill.errors import InvalidParameter, ModelError
from graphmill.ports.speech import Listener, Speaker, Voice
from graphmill.service.speech.sentences import Sentences, pieces_of

CHARACTERS: Final = 20_000
"""Of one text, or of one run: about twenty minutes."""
PATIENCE_SECONDS: Final = 5.0
"""How long the end of a stream waits for the next piece of speech."""
LONGEST_WAIT_SECONDS: Final = 60.0
"""How long it waits in all."""

logger = logging.getLogger(__name__)


class Narration:
    """The text of one run, spoken sentence by sentence while it comes.

    One task reads `audio`; another one hands over the text with `add` and, behind all of it, waits
    with `finish`. A speaker that fails is not asked again: the rest stays unspoken."""

    def __init__(
        self, speaker: Speaker, voice: Voice, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._speaker = speaker
        self._voice = voice
        self._patience = patience_seconds
        self._sentences = Sentences()
        self._pieces: deque[str] = deque()
        self._room = CHARACTERS
        self._has_all_text = False
        self._is_over = False
        self._text_came = asyncio.Event()
        self._audio_went = asyncio.Event()

    def add(self, text: str) -> None:
        """The next text of the run."""
        text = text[: self._room]
        self._room -= len(text)
        self._take(self._sentences.add(text))

    async def finish(self) -> None:
        """Wait until all is spoken: while it goes on, and not for ever. No audio comes later."""
        self._has_all_text = True
        self._take(self._sentences.end())
        latest = asyncio.get_running_loop().time() + LONGEST_WAIT_SECONDS
        while not self._is_over:
            self._audio_went.clear()
            moment = min(latest, asyncio.get_running_loop().time() + self._patience)
            try:
                async with asyncio.timeout_at(moment):
                    await self._audio_went.wait()
            except TimeoutError:
                logger.warning("A run has ended before all of its text was spoken")
                self._is_over = True

    async def audio(self) -> AsyncGenerator[bytes, None]:
        """MP3, a piece for each part of the text; each is due when it comes."""
        try:
            while await self._has_piece():
                audio = await self._speaker.synthesize(self._pieces.popleft(), self._voice)
                if self._is_over:
                    return
                yield audio
                self._audio_went.set()
        except ModelError as error:
            logger.warning("A run goes on without speech: %s", error)
        finally:
            self._is_over = True
            self._audio_went.set()

    def _take(self, pieces: list[str]) -> None:
        self._pieces += pieces
        self._text_came.set()

    async def _has_piece(self) -> bool:
        """Wait for one; False when none will come."""
        while not self._pieces and not self._has_all_text:
            self._text_came.clear()
            await self._text_came.wait()
        return bool(self._pieces)


class Speech:
    def __init__(self, speaker: Speaker, listener: Listener | None) -> None:
        self._speaker = speaker
        self.listener = listener
        """None: recordings cannot be written down here."""

    @property
    def lack(self) -> str | None:
        """What is to be done before anything can be spoken; None: nothing."""
        return self._speaker.lack

    async def speak(self, text: str, voice: Voice) -> bytes:
        """`text` as MP3. Raises InvalidParameter or ModelError."""
        if len(text) > CHARACTERS:
            raise InvalidParameter(
                f"Only texts of up to {CHARACTERS} characters are spoken.", "text"
            )
        pieces = pieces_of(text)
        if not pieces:
            raise InvalidParameter("Text is required", "text")
        return b"".join([await self._speaker.synthesize(piece, voice) for piece in pieces])

    def narration(self, voice: Voice) -> Narration:
        return Narration(self._speaker, voice)
