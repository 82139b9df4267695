"""Text to speech without any service: espeak-ng and LAME, in a process that is started with the
first text."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from graphmill import jsontext
from graphmill.errors import ModelFailed, ModelNotConfigured, NoVoice
from graphmill.ports.speech import Voice

CHILD: Final = ("-P", "-m", "graphmill.speech.child")
QUEUE: Final = 100
"""Texts that may wait for those before them: with sentences, a second or two."""
SECONDS: Final = 10.0
"""For one text; a sentence takes some milliseconds, and the first one the start of the process."""

_PACKAGES: Final = {"espeakng_loader": "espeakng-loader", "lameenc": "lameenc"}
"""Module and name in the package index."""
_ESPEAK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _+-]{0,59}")
"""The library would take a path for a name, too."""
_LANGUAGES: Final = {"no": "nb", "zh": "cmn", "zh-hk": "yue"}
"""Of apps, where espeak-ng has another name."""
_ANY_LANGUAGE: Final = "en-us"


class Espeak:
    """`ports.Speaker`. Texts wait for each other; whoever is cancelled takes the process along."""

    def __init__(
        self,
        default_voice: str | None = None,
        *,
        command: Sequence[str] = (sys.executable, *CHILD),
        seconds: float = SECONDS,
    ) -> None:
        """`default_voice` speaks where the app names none, or none that is known here; `command`
        starts the process."""
        self._default_voice = default_voice or ""
        self._command = tuple(command)
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._callers = 0
        self._process: Process | None = None

    @property
    def lack(self) -> str | None:
        missing = missing_packages()
        if not missing:
            return None
        return (
            f"Text to speech needs {' and '.join(missing)}. Install graphmill[speech], or set "
            "speech.text_to_speech in config.yaml."
        )

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        voices = voices_for(voice, self._default_voice)
        request = jsontext.encode({"text": text, "voices": voices}) + b"\n"
        if self._callers > QUEUE:
            raise ModelFailed("Too many texts wait to be spoken; try again later.")
        self._callers += 1
        try:
            async with self._turn:
                kind, body = await self._answer(request)
        finally:
            self._callers -= 1
        if kind:
            raise NoVoice(f"espeak-ng has none of the voices {', '.join(voices)}.")
        return body

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _answer(self, request: bytes) -> tuple[int, bytes]:
        """Kind and body. Where there is none, the process is of no more use."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._converse(await self._started(), request)
        except TimeoutError:
            await self.close()
            raise ModelFailed(
                f"The text was not spoken within {self._seconds:g} seconds."
            ) from None
        except (OSError, asyncio.IncompleteReadError):
            await self.close()
            raise ModelFailed("The text cannot be spoken: espeak-ng broke off.") from None
        except asyncio.CancelledError:
            await asyncio.shield(self.close())
            raise

    async def _converse(self, process: Process, request: bytes) -> tuple[int, bytes]:
        assert process.stdin is not None, "it was started with pipes"
        assert process.stdout is not None, "it was started with pipes"
        process.stdin.write(request)
        await process.stdin.drain()
        head = await process.stdout.readexactly(5)
        return head[0], await process.stdout.readexactly(int.from_bytes(head[1:]))

    async def _started(self) -> Process:
        """Raises ModelNotConfigured."""
        if self._process is None or self._process.returncode is not None:
            if self.lack is not None:
                raise ModelNotConfigured(self.lack)
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE
            )
        return self._process


def missing_packages() -> list[str]:
    """Those that are to be installed before anything can be spoken."""
    return [name for module, name in _PACKAGES.items() if find_spec(module) is None]


def voices_for(voice: Voice, default: str = "") -> list[str]:
    """The names to try, best first: of the voice, of its language, of what speaks otherwise."""
    names = [voice.name]
    tag = voice.language.lower().replace("_", "-")
    while tag:
        names.append(_LANGUAGES.get(tag, tag))
        tag = tag.rpartition("-")[0]
    names.append(default or ("" if voice.language else _ANY_LANGUAGE))
    return [name for name in dict.fromkeys(names) if _ESPEAK_NAME.fullmatch(name)]
