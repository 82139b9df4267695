"""What an app's file says about speech (`workflow-dsl §4.1`); apps of both kinds can speak."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError

from graphmill.dsl.part import Part
from graphmill.ports.speech import Voice
from graphmill.service.apps.chat_features import Switch

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpeechFeatures:
    speaks: bool = False
    """On request."""
    speaks_along: bool = False
    """While it streams its text."""
    voice: Voice = field(default_factory=Voice)
    listens: bool = False


class _Speech(Switch):
    voice: str = ""
    language: str = ""
    auto_play: str = Field("disabled", alias="autoPlay")


class _Features(Part):
    text_to_speech: _Speech = _Speech()
    speech_to_text: Switch = Switch()


def read_speech_features(features: Mapping[str, Any]) -> SpeechFeatures:
    """What cannot be understood counts as switched off, and the log says so."""
    try:
        read = _Features.model_validate(features)
    except ValidationError as error:
        logger.warning("speech features of an app are wrong and count as switched off: %s", error)
        read = _Features()
    speech = read.text_to_speech
    return SpeechFeatures(
        speaks=speech.enabled,
        speaks_along=speech.enabled and speech.auto_play == "enabled",
        voice=Voice(speech.voice, speech.language),
        listens=read.speech_to_text.enabled,
    )
