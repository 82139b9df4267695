"""What the features of a chatflow's file mean (`workflow-dsl §4.1`)."""

from typing import Any

import pytest

from graphmill.engine.run import Replacement
from graphmill.service.apps.chat_features import ChatFeatures, read_chat_features


def moderation(**changes: Any) -> dict[str, Any]:
    side = {"enabled": True, "preset_response": "No."}
    config = {"keywords": "Bad\n\n worse ", "inputs_config": side, "outputs_config": {}}
    whole = {"enabled": True, "type": "keywords", "config": config, **changes}
    return {"sensitive_word_avoidance": whole}


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        pytest.param({}, ChatFeatures(), id="nothing"),
        pytest.param({"opening_statement": None, "file_upload": None}, ChatFeatures(), id="nulls"),
        pytest.param(
            {"suggested_questions_after_answer": {"enabled": True}},
            ChatFeatures(suggests_questions=True),
            id="suggestions",
        ),
        pytest.param(
            {"file_upload": {"enabled": False, "image": {"enabled": True}}},
            ChatFeatures(takes_files=True),
            id="old-image-upload",
        ),
        pytest.param(
            moderation(),
            ChatFeatures(question_moderation=Replacement(frozenset({"bad", "worse"}), "No.")),
            id="words-a-line-each",
        ),
        pytest.param(moderation(enabled=False), ChatFeatures(), id="moderation-off"),
        pytest.param(moderation(type="openai_moderation"), ChatFeatures(), id="other-moderation"),
        pytest.param({"opening_statement": ["x"]}, ChatFeatures(), id="not-understood"),
    ],
)
def test_features_are_read_once(features: dict[str, Any], expected: ChatFeatures) -> None:
    assert expected == read_chat_features(features)


@pytest.mark.parametrize(
    ("text", "is_due"), [("a BADge", True), ("good", False), ("", False)], ids=["part", "no", "nil"]
)
def test_words_count_in_any_case_and_inside_of_others(text: str, is_due: bool) -> None:
    assert is_due is Replacement(frozenset({"bad"}), "No.").is_due(text)


def test_introduction_fills_the_blanks_it_can() -> None:
    features = ChatFeatures("Hi {{name}}, {{ age }}, {{city}}!")
    assert "Hi Ann, 5, {{city}}!" == features.introduction({"name": "Ann", "age": 5})
