"""Thoughts told from the answer, whole and piece by piece (`nodes §4.4`)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.nodes.replies.thinking import ThoughtSplitter, split_thoughts, without_thoughts
from tests.nodes.scripted_models import cut

REPLIES = [
    "<think>r1</think>\n\nHello",
    "<think>\nfirst\n</think>Hello <think>second</think>world",
    "no thoughts at all",
    "<THINK>loud</Think>quiet",
    '<think type="deep" n=1>x</think>y',
    "<think>never closed",
    "closed</think> and never opened",
    "<thinking>another tag</thinking>",
    "a < b <t <th <think",
    "<think></think>",
    "<think>a<think>b</think>c</think>d",
    "",
    "<",
    "<think " + "x" * 600 + ">not an attribute</think>",
]


def streamed(pieces):
    """(answer, thoughts) as a reader has them in the end."""
    splitter = ThoughtSplitter()
    splits = [*map(splitter.feed, pieces), splitter.close()]
    return "".join(s.answer for s in splits), "".join(s.thoughts for s in splits)


@pytest.mark.parametrize(
    ("reply", "text", "thoughts"),
    [
        ("<think>step one</think>The answer.", "The answer.", "step one"),
        ("no thoughts", "no thoughts", ""),
        ("<think>never closed", "<think>never closed", ""),
        ("<think> a </think>x<think>\nb\n</think>y", "xy", "a\nb"),
        ("<ThInK a='b'>t</THINK>  x\n\n\n  \ny  ", "x\n\ny", "t"),
        ("a</think>b", "a</think>b", ""),
        ("<thinking>t</thinking>", "<thinking>t</thinking>", ""),
    ],
    ids=["block", "none", "open", "two", "attributes, blank lines", "no beginning", "other tag"],
)
def test_a_whole_reply_is_split_and_tidied(reply, text, thoughts):
    assert (text, thoughts) == split_thoughts(reply)


def test_text_without_thoughts_stays_as_it_is():
    assert "  a\n\n\nb <think>c" == without_thoughts("  a\n\n\nb<think>x</think> <think>c")


def test_pieces_are_shown_as_soon_as_they_cannot_be_a_tag():
    splitter = ThoughtSplitter()
    shown = []
    for piece in ["<thi", "nk>r1", "</think>", "\n\nHel", "lo"]:
        split = splitter.feed(piece)
        shown.append((split.thoughts, split.answer))

    assert [("", ""), ("r1", ""), ("", ""), ("", "Hel"), ("", "lo")] == shown


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a <", " b"], ["a ", "< b"]),
        (["a <th", "ing>"], ["a ", "<thing>"]),
        (["x <think", "ing"], ["x ", "<thinking"]),
        (["1 < 2 <t"], ["1 < 2 "]),
    ],
    ids=["less than", "another tag", "longer name", "only the suffix"],
)
def test_only_what_may_become_a_tag_is_held_back(pieces, shown):
    splitter = ThoughtSplitter()

    assert shown == [splitter.feed(piece).answer for piece in pieces]


def test_what_is_held_back_is_shown_in_the_end():
    assert ("a <thin", "") == streamed(["a <thin"])
    assert ("", "b </thin") == streamed(["<think>b </thin"])


def test_an_endless_attribute_is_not_held_back_for_ever():
    splitter = ThoughtSplitter()
    shown = sum(len(splitter.feed("x" * 100).answer) for _ in range(20))

    splitter.feed("<think ")
    held = 7 + 3000 - sum(len(splitter.feed("y" * 100).answer) for _ in range(30))
    assert (2000, 0) == (shown, held)


@pytest.mark.parametrize("reply", REPLIES)
def test_one_character_at_a_time_gives_what_one_piece_gives(reply):
    assert streamed([reply]) == streamed(list(reply))


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "think", ">", " ", "\n", "a", "/"])),
    st.lists(st.integers(0, 80)),
)
def test_any_cut_gives_what_one_piece_gives(words, places):
    reply = "".join(words)

    assert streamed([reply]) == streamed(cut(reply, places))


@given(st.lists(st.tuples(st.text("ab <\n"), st.text("cd </\n"))), st.lists(st.integers(0, 99)))
def test_complete_blocks_are_split_as_in_the_whole_reply(blocks, places):
    reply = "".join(f"<think>{thought}</think>{text}." for thought, text in blocks)
    answer, thoughts = streamed(cut(reply, places))

    assert (without_thoughts(reply).lstrip(), "".join(b[0] for b in blocks)) == (answer, thoughts)
