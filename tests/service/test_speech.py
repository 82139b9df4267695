"""Runs that are spoken along, by speakers that do what a test wants."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from graphmill.errors import InvalidParameter, ModelFailed
from graphmill.ports.speech import Voice
from graphmill.service.speech.speech import CHARACTERS, Narration, Speech

ONE, TWO, THREE = "This is the first one.", "And this is the second.", "Here is the third."


class Speaker:
    """`ports.Speaker`: the text stands for its audio."""

    lack = None

    def __init__(self, before: Callable[[str], Awaitable[None]] | None = None) -> None:
        self._before = before
        self.asked: list[str] = []

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        self.asked.append(text)
        if self._before is not None:
            await self._before(text)
        return text.encode()


async def heard(narration: Narration, *texts: str) -> list[str]:
    """What is spoken of a run that says `texts`."""
    audio: list[str] = []

    def told(piece: bytes) -> None:
        audio.append(piece.decode())

    async def listen() -> None:
        async for piece in narration.audio():
            told(piece)

    async with asyncio.TaskGroup() as tasks:
        listener = tasks.create_task(listen())
        for text in texts:
            narration.add(text)
            await asyncio.sleep(0)
        await narration.finish()
        listener.cancel()
    return audio


async def test_sentences_are_spoken_in_their_order() -> None:
    async def the_longer_the_slower(text: str) -> None:
        await asyncio.sleep((30 - len(text)) / 1000)

    narration = Narration(Speaker(the_longer_the_slower), Voice())
    assert [ONE, TWO, THREE] == await heard(narration, f"{ONE} {TWO[:5]}", f"{TWO[5:]} {THREE}")


async def test_a_sentence_is_spoken_before_the_next_one_is_there() -> None:
    narration = Narration(Speaker(), Voice())
    narration.add(f"{ONE} And")
    async with asyncio.timeout(1):
        assert ONE.encode() == await anext(narration.audio())


async def test_without_text_there_is_no_audio() -> None:
    assert [] == await heard(Narration(Speaker(), Voice()))


async def test_a_speaker_that_fails_is_not_asked_again() -> None:
    async def fail(text: str) -> None:
        if text == TWO:
            raise ModelFailed("hoarse")

    speaker = Speaker(fail)
    assert [ONE] == await heard(Narration(speaker, Voice()), f"{ONE} {TWO} {THREE}")
    assert [ONE, TWO] == speaker.asked


async def test_the_end_does_not_wait_for_a_speaker_that_hangs() -> None:
    async def hang(text: str) -> None:
        if text == TWO:
            await asyncio.Event().wait()

    narration = Narration(Speaker(hang), Voice(), patience_seconds=0.05)
    async with asyncio.timeout(1):
        assert [ONE] == await heard(narration, f"{ONE} {TWO} {THREE}")


async def test_the_end_waits_for_a_speaker_that_goes_on() -> None:
    async def dawdle(text: str) -> None:
        await asyncio.sleep(0.06)

    narration = Narration(Speaker(dawdle), Voice(), patience_seconds=0.1)
    assert [ONE, TWO, THREE] == await heard(narration, f"{ONE} {TWO} {THREE}")


async def test_audio_that_comes_too_late_is_not_told() -> None:
    spoken = asyncio.Event()

    async def wait(text: str) -> None:
        await spoken.wait()

    narration = Narration(Speaker(wait), Voice(), patience_seconds=0.01)
    narration.add(ONE)
    async with asyncio.TaskGroup() as tasks:
        late = tasks.create_task(anext(narration.audio(), b"nothing"))
        await narration.finish()
        spoken.set()
    assert b"nothing" == late.result()


async def test_very_long_runs_are_spoken_in_part() -> None:
    said = await heard(Narration(Speaker(), Voice()), *["word " * 1000] * 6)
    assert CHARACTERS - 500 < len(" ".join(said)) <= CHARACTERS


async def test_a_text_is_spoken_piece_by_piece() -> None:
    speaker = Speaker()
    assert f"{ONE}{TWO}".encode() == await Speech(speaker, None).speak(f"{ONE} {TWO}", Voice())
    assert [ONE, TWO] == speaker.asked


@pytest.mark.parametrize("text", [" ** ", "x" * (CHARACTERS + 1)], ids=["no sound", "too long"])
async def test_texts_that_cannot_be_spoken_are_refused(text: str) -> None:
    speaker = Speaker()
    with pytest.raises(InvalidParameter):
        await Speech(speaker, None).speak(text, Voice())
    assert [] == speaker.asked
