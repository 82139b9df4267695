"""The program that speaks: espeak-ng's library makes sound of text, LAME makes MP3 of sound.

It runs in a process of its own: the library can serve one caller at a time, and what strangers
write cannot harm the server through it. Requests are lines of JSON on standard input,
`{"text": ..., "voices": [...]}`; the first voice that exists speaks. An answer is `HEAD`, and then
as many bytes as it says.
"""

import ctypes
import json
import os
import struct
import sys
from typing import Final

# Both packages come without type hints.
import espeakng_loader  # type: ignore[import-untyped]
import lameenc  # type: ignore[import-not-found]

HEAD: Final = struct.Struct(">BI")
"""Kind of the answer, length of its body."""
SPOKEN: Final = 0
NO_VOICE: Final = 1

KBITS_PER_SECOND: Final = 48
NICENESS: Final = 5
"""Runs come first."""

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_SAMPLE_BYTES: Final = 2


class Library:
    def __init__(self) -> None:
        """Raises OSError when the library does not start."""
        self._espeak = ctypes.CDLL(espeakng_loader.get_library_path())
        data = os.fsencode(espeakng_loader.get_data_path())
        self._rate = self._espeak.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self._rate <= 0:
            raise OSError("espeak-ng does not start: it does not find its data")
        self._samples: list[bytes] = []
        # The library keeps no reference to it.
        self._callback = _CALLBACK(self._take)
        self._espeak.espeak_SetSynthCallback(self._callback)

    def choose(self, voice: str) -> bool:
        """False when there is no such voice."""
        return bool(self._espeak.espeak_SetVoiceByName(voice.encode()) == 0)

    def speak(self, text: str) -> bytes:
        """MP3, in the voice that was chosen last."""
        self._samples.clear()
        content = text.replace("\0", " ").encode("utf-8", "replace") + b"\0"
        size = ctypes.c_size_t(len(content))
        self._espeak.espeak_Synth(content, size, 0, 0, 0, _UTF8, None, None)
        encoder = lameenc.Encoder()
        encoder.silence()
        encoder.set_in_sample_rate(self._rate)
        encoder.set_channels(1)
        encoder.set_bit_rate(KBITS_PER_SECOND)
        return bytes(encoder.encode(b"".join(self._samples))) + bytes(encoder.flush())

    def _take(self, samples: int, count: int, events: int) -> int:
        """Called by the library with each piece of sound; 0 asks for more."""
        if count:
            self._samples.append(ctypes.string_at(samples, count * _SAMPLE_BYTES))
        return 0


def main() -> None:
    if sys.platform != "win32":
        os.nice(NICENESS)
    library = Library()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if any(map(library.choose, request["voices"])):
            kind, body = SPOKEN, library.speak(request["text"])
        else:
            kind, body = NO_VOICE, b""
        sys.stdout.buffer.write(HEAD.pack(kind, len(body)) + body)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
