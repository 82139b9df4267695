"""What a chatflow's file says about the talk around its graph (`workflow-dsl §4.1`)."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError

from graphmill.dsl.part import Part
from graphmill.engine.run import Replacement

_BLANK: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChatFeatures:
    opening_statement: str = ""
    suggests_questions: bool = False
    """After an answer."""
    takes_files: bool = False
    """Top-level ones, with the question."""
    question_moderation: Replacement | None = None
    """What is said when a question, or one of the inputs, holds a forbidden word."""
    answer_moderation: Replacement | None = None

    def introduction(self, inputs: Mapping[str, Any]) -> str:
        """The opening statement with `inputs` in its blanks, `{{name}}`."""
        return _BLANK.sub(lambda blank: str(inputs.get(blank[1], blank[0])), self.opening_statement)


class Switch(Part):
    enabled: bool = False


class _Side(Switch):
    """Of the moderation: that of questions or that of answers."""

    preset_response: str = ""


class _WordList(Part):
    keywords: str = ""
    """One a line."""
    inputs_config: _Side = _Side()
    outputs_config: _Side = _Side()

    def replacement(self, side: _Side) -> Replacement | None:
        words = frozenset(filter(None, map(str.strip, self.keywords.lower().splitlines())))
        return Replacement(words, side.preset_response) if side.enabled and words else None


class _Moderation(Switch):
    type: Literal["keywords"] = "keywords"
    config: _WordList = _WordList()


class _FileUpload(Switch):
    image: Switch = Switch()


class _Features(Part):
    opening_statement: str = ""
    suggested_questions_after_answer: Switch = Switch()
    sensitive_word_avoidance: Switch = Switch()
    file_upload: _FileUpload = _FileUpload()


def read_chat_features(features: Mapping[str, Any]) -> ChatFeatures:
    """What cannot be understood counts as switched off, and the log says so: also moderation by
    other means than a list of words."""
    try:
        read = _Features.model_validate(features)
    except ValidationError as error:
        logger.warning("features of a chatflow are wrong and count as switched off: %s", error)
        read = _Features()
    moderation = _moderation(features) if read.sensitive_word_avoidance.enabled else _WordList()
    return ChatFeatures(
        opening_statement=read.opening_statement,
        suggests_questions=read.suggested_questions_after_answer.enabled,
        takes_files=read.file_upload.enabled or read.file_upload.image.enabled,
        question_moderation=moderation.replacement(moderation.inputs_config),
        answer_moderation=moderation.replacement(moderation.outputs_config),
    )


def _moderation(features: Mapping[str, Any]) -> _WordList:
    try:
        return _Moderation.model_validate(features["sensitive_word_avoidance"]).config
    except ValidationError as error:
        logger.warning("the moderation of a chatflow is none that works here: %s", error)
        return _WordList()
