"""Where text is cut to be spoken, and what is not spoken of it."""

import pytest

from graphmill.service.speech.sentences import LONGEST, Sentences, pieces_of


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \n ** -- 🙂", [], id="no sound"),
        pytest.param("Hello", ["Hello"], id="no end"),
        pytest.param(
            "This is the first one. And this is the second! Is this the third?",
            ["This is the first one.", "And this is the second!", "Is this the third?"],
            id="sentences",
        ),
        pytest.param("Yes. No. Perhaps it is so. Well", ["Yes. No. Perhaps it is so.", "Well"],
                     id="short ones together"),
        pytest.param("It costs 3.14 dollars at example.com now.",
                     ["It costs 3.14 dollars at example.com now."], id="points inside words"),
        pytest.param('He said "that is enough." Then he left.',
                     ['He said "that is enough."', "Then he left."], id="quotation"),
        pytest.param("今天天气很好，我们一起去公园散步吧，好不好？好的，走吧。",
                     ["今天天气很好，我们一起去公园散步吧，好不好？", "好的，走吧。"],
                     id="Chinese"),
        pytest.param("First line of the list\nsecond line of the list\n",
                     ["First line of the list", "second line of the list"], id="lines"),
        pytest.param("# Title\n\nSome **bold** `code` and [a link](http://x/y) and ![](http://z).",
                     ["Title Some bold code and a link and ."], id="Markdown"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 1000], ids=["by characters", "in chunks", "at once"])
def test_text_is_cut_where_a_speaker_would_breathe(text: str, pieces: list[str], size: int) -> None:
    sentences = Sentences()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    said = [piece for chunk in chunks for piece in sentences.add(chunk)]
    assert pieces == said + sentences.end()


def test_a_sentence_is_there_as_soon_as_the_next_one_begins() -> None:
    sentences = Sentences()
    assert [] == sentences.add("This is the first one.")
    assert ["This is the first one."] == sentences.add(" And")
    assert ["And"] == sentences.end()


def test_text_without_ends_is_cut_between_words() -> None:
    pieces = pieces_of("word " * 1000)
    assert 1000 == " ".join(pieces).split().count("word")
    assert all(len(piece) <= LONGEST for piece in pieces)


def test_a_word_without_end_is_cut() -> None:
    assert [LONGEST, LONGEST, 200] == [len(piece) for piece in pieces_of("x" * (2 * LONGEST + 200))]
