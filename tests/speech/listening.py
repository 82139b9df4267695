"""Ears for MP3: what is decoded, measured and understood by somebody else's code."""

import miniaudio
from pocketsphinx import Decoder


def sound_of(mp3: bytes) -> miniaudio.DecodedSoundFile:
    """As pocketsphinx wants it."""
    return miniaudio.decode(mp3, nchannels=1, sample_rate=16_000)


def heard(mp3: bytes) -> set[str]:
    """The words that a recogniser makes out."""
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(sound_of(mp3).samples.tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return set() if hypothesis is None else set(hypothesis.hypstr.split())
