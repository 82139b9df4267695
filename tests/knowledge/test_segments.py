"""How texts are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.knowledge.segments import cut, tokens_in
from graphmill.knowledge.words import words_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("word", 1, id="four letters"),
        pytest.param("words", 1.25, id="five letters"),
        pytest.param("年假", 2, id="Chinese"),
        pytest.param("年假 leave", 3.5, id="both"),
    ],
)
def test_tokens_are_guessed(text: str, tokens: int) -> None:
    assert tokens == tokens_in(text)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" \n\n \n", [], id="blank"),
        pytest.param("One.\n\nTwo.", ["One.\n\nTwo."], id="what fits stays together"),
        pytest.param(
            f"{'a ' * 30}\n\n{'b ' * 30}",
            [("a " * 30).strip(), ("b " * 30).strip()],
            id="paragraphs stay whole",
        ),
        pytest.param(
            f"{'a' * 50}. {'b' * 50}.", [f"{'a' * 50}.", f"{'b' * 50}."], id="then sentences"
        ),
        pytest.param("x" * 100, ["x" * 80, "x" * 20], id="a word without end"),
    ],
)
def test_texts_are_cut_at_the_best_places(text: str, segments: list[str]) -> None:
    assert segments == cut(text, tokens=20, overlap=0)


def test_the_end_of_a_segment_is_repeated_in_whole_sentences() -> None:
    sentences = [f"Sentence number {word} is here." for word in ("one", "two", "three", "four")]
    assert [
        " ".join(sentences[:2]),
        " ".join(sentences[1:3]),
        " ".join(sentences[2:]),
    ] == cut(" ".join(sentences), tokens=20, overlap=10)


@given(
    st.text(st.sampled_from("ab。. \n年"), max_size=400),
    st.integers(20, 60),
    st.integers(0, 10),
)
def test_nothing_is_lost_and_nothing_is_too_long(text: str, tokens: int, overlap: int) -> None:
    segments = cut(text, tokens=tokens, overlap=overlap)
    assert all(segment.strip() and tokens_in(segment) <= tokens for segment in segments)
    found = {character for segment in segments for character in segment}
    assert {character for character in text if not character.isspace()} <= found
    if not overlap:
        assert "".join(text.split()) == "".join("".join(segments).split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Annual LEAVE, 2024!", ["annual", "leave", "2024"]),
        ("snake_case", ["snake", "case"]),
        ("Straße", ["strasse"]),
        ("年假十五", ["年假", "假十", "十五"]),
        ("用Python写", ["用", "python", "写"]),
        ("ＡＢＣ", ["abc"]),
    ],
)
def test_words_are_found_in_every_writing(text: str, words: list[str]) -> None:
    assert words == list(words_of(text))
