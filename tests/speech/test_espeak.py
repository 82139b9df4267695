"""Real speech: what comes out of the built-in speaker is decoded, measured and listened to."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.errors import ModelFailed, ModelNotConfigured, NoVoice
from graphmill.ports.speech import Voice
from graphmill.speech import espeak
from graphmill.speech.espeak import QUEUE, Espeak, voices_for
from tests.speech.listening import heard, sound_of

FOX = "The quick brown fox jumps over the lazy dog."
LONG = "word " * 1000


@pytest.fixture
async def speaker() -> AsyncIterator[Espeak]:
    speaker = Espeak()
    yield speaker
    await speaker.close()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param("en-US", FOX, id="English"),
        pytest.param(
            "de-DE", "Der schnelle braune Fuchs springt über den faulen Hund.", id="German"
        ),
        pytest.param("zh-Hans", "今天天气很好，我们去公园散步吧。", id="Chinese"),
        pytest.param("pt-BR", "A raposa marrom rápida pula sobre o cachorro.", id="Portuguese"),
    ],
)
async def test_a_sentence_takes_as_long_as_somebody_would(
    speaker: Espeak, language: str, text: str
) -> None:
    sound = sound_of(await speaker.synthesize(text, Voice("alloy", language)))
    assert 1.5 < sound.duration < 6
    assert max(sound.samples) > 5_000


async def test_a_listener_understands_it(speaker: Espeak) -> None:
    assert {"quick", "brown", "fox", "lazy", "dog"} <= heard(await speaker.synthesize(FOX, Voice()))


async def test_pieces_can_be_joined(speaker: Espeak) -> None:
    one = await speaker.synthesize("One sentence is spoken.", Voice())
    two = await speaker.synthesize(FOX, Voice())
    together = sound_of(one + two).duration
    assert pytest.approx(sound_of(one).duration + sound_of(two).duration, abs=0.3) == together
    assert {"spoken", "fox"} <= heard(one + two)


async def test_another_voice_sounds_different(speaker: Espeak) -> None:
    said = [await speaker.synthesize(FOX, Voice(name)) for name in ("en-us", "en-gb+f3", "de")]
    assert all(one != other for one, other in itertools.combinations(said, 2))


@pytest.mark.parametrize(
    ("voice", "default", "names"),
    [
        pytest.param(Voice(), "", ["en-us"], id="nothing said"),
        pytest.param(Voice(), "fr", ["fr"], id="configured"),
        pytest.param(
            Voice("alloy", "de-DE"), "", ["alloy", "de-de", "de"], id="of another speaker"
        ),
        pytest.param(Voice("", "zh-Hans"), "fr", ["zh-hans", "cmn", "fr"], id="another name here"),
        pytest.param(Voice("", "no_NO"), "", ["no-no", "nb"], id="underscore"),
        pytest.param(Voice("../../etc/passwd"), "", ["en-us"], id="a path"),
        pytest.param(Voice("x" * 61), "", ["en-us"], id="too long"),
    ],
)
def test_voices_are_tried_in_order(voice: Voice, default: str, names: list[str]) -> None:
    assert names == voices_for(voice, default)


async def test_an_unknown_language_has_no_voice(speaker: Espeak) -> None:
    with pytest.raises(NoVoice):
        await speaker.synthesize("nuqneH", Voice("", "tlh"))
    assert await speaker.synthesize("Hello.", Voice())


async def test_odd_texts_do_no_harm(speaker: Espeak) -> None:
    for text in ("", "***", "a\0b", "\ud800", "<speak>&", "😀" * 50, "\n"):
        sound_of(await speaker.synthesize(text, Voice()))


async def test_the_loop_goes_on_while_much_is_spoken(speaker: Espeak) -> None:
    await speaker.synthesize("Warm.", Voice())
    now = asyncio.get_running_loop().time
    gaps = []
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(speaker.synthesize(LONG, Voice()))
        while not speaking.done():
            before = now()
            await asyncio.sleep(0.001)
            gaps.append(now() - before)
    assert len(gaps) > 20
    assert sorted(gaps)[len(gaps) // 2] < 0.05


async def test_texts_wait_for_each_other(speaker: Espeak) -> None:
    texts = ["One.", "Two, which is longer.", FOX]
    alone = [await speaker.synthesize(text, Voice()) for text in texts]
    async with asyncio.TaskGroup() as tasks:
        said = [tasks.create_task(speaker.synthesize(text, Voice())) for text in texts]
    assert list(map(len, alone)) == [len(each.result()) for each in said]


async def test_the_queue_has_an_end(speaker: Espeak) -> None:
    said = await asyncio.gather(
        *(speaker.synthesize("Hi.", Voice()) for _ in range(QUEUE + 2)), return_exceptions=True
    )
    assert [QUEUE + 1] == [number for number, one in enumerate(said) if isinstance(one, Exception)]
    assert isinstance(said[-1], ModelFailed)


async def test_after_a_cancelled_caller_the_next_one_is_served(speaker: Espeak) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await speaker.synthesize(LONG, Voice())
    assert heard(await speaker.synthesize(FOX, Voice())) & {"fox"}


@pytest.mark.parametrize(
    ("program", "message"),
    [
        pytest.param("import time; time.sleep(60)", "not spoken within 1 seconds", id="hangs"),
        pytest.param("import os; os.abort()", "espeak-ng broke off", id="crashes"),
        pytest.param("input(); print(end='12')", "espeak-ng broke off", id="breaks off"),
    ],
)
async def test_a_process_that_fails_is_replaced(program: str, message: str, tmp_path: Path) -> None:
    """The first process fails, the second one is the real one."""
    mark = tmp_path / "failed"
    first_fails = (
        "import pathlib, runpy\n"
        f"mark = pathlib.Path({str(mark)!r})\n"
        "if not mark.exists():\n"
        f"    mark.touch(); {program}\n"
        "else:\n"
        "    runpy.run_module('graphmill.speech.child', run_name='__main__')\n"
    )
    speaker = Espeak(command=(sys.executable, "-c", first_fails), seconds=1.0)
    with pytest.raises(ModelFailed, match=message):
        await speaker.synthesize(FOX, Voice())
    assert await speaker.synthesize(FOX, Voice())
    await speaker.close()


async def test_missing_packages_are_named(speaker: Espeak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "_PACKAGES", {"no_such_module": "no-such-package"})
    with pytest.raises(ModelNotConfigured, match="needs no-such-package"):
        await speaker.synthesize(FOX, Voice())
