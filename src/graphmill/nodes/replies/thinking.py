"""`<think>` blocks: what a model writes before it answers, told from the answer (`nodes §4.4`)."""

import re
from dataclasses import dataclass
from typing import Final

MAX_ATTRIBUTES: Final = 512
"""Characters between `<think` and `>`."""
_OPEN: Final = re.compile(rf"<think(?:\s[^>]{{0,{MAX_ATTRIBUTES - 1}}})?>", re.IGNORECASE)
_CLOSE: Final = re.compile(r"</think>", re.IGNORECASE)
_BLOCK: Final = re.compile(f"{_OPEN.pattern}(.*?){_CLOSE.pattern}", re.IGNORECASE | re.DOTALL)
_BLANK_LINES: Final = re.compile(r"\n\s*\n")
_MAYBE_OPEN: Final = re.compile(
    rf"<(?:t(?:h(?:i(?:n(?:k(?:\s[^>]{{0,{MAX_ATTRIBUTES - 1}}})?)?)?)?)?)?\Z", re.IGNORECASE
)
_MAYBE_CLOSE: Final = re.compile(r"<(?:/(?:t(?:h(?:i(?:n(?:k)?)?)?)?)?)?\Z", re.IGNORECASE)


def without_thoughts(text: str) -> str:
    """`text` without complete blocks; whatever else it is stays as it is."""
    return _BLOCK.sub("", text)


def split_thoughts(text: str) -> tuple[str, str]:
    """(answer, thoughts) of a whole reply, both tidied. A block without an end is no block: what
    a model wrote until it was cut off must not vanish (recorded)."""
    thoughts = "\n".join(match.group(1).strip() for match in _BLOCK.finditer(text))
    return _BLANK_LINES.sub("\n\n", without_thoughts(text)).strip(), thoughts


@dataclass(frozen=True, slots=True)
class Split:
    """What may be shown now of each."""

    answer: str = ""
    thoughts: str = ""


class ThoughtSplitter:
    """The same piece by piece, for streaming. Holds back only what may yet become a tag."""

    __slots__ = ("_answered", "_held", "_thinking")

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._answered = False
        """Has the answer begun? Blank space before it is left out."""

    def feed(self, piece: str) -> Split:
        text = self._held + piece
        answer: list[str] = []
        thoughts: list[str] = []
        position = 0
        while tag := (_CLOSE if self._thinking else _OPEN).search(text, position):
            (thoughts if self._thinking else answer).append(text[position : tag.start()])
            self._thinking = not self._thinking
            position = tag.end()
        held = (_MAYBE_CLOSE if self._thinking else _MAYBE_OPEN).search(text, position)
        end = held.start() if held else len(text)
        (thoughts if self._thinking else answer).append(text[position:end])
        self._held = text[end:]
        return self._split(answer, thoughts)

    def close(self) -> Split:
        """Nothing follows: what was held back is no tag."""
        held, self._held = self._held, ""
        return self._split([], [held]) if self._thinking else self._split([held], [])

    def _split(self, answer: list[str], thoughts: list[str]) -> Split:
        text = "".join(answer)
        if not self._answered:
            text = text.lstrip()
            self._answered = bool(text)
        return Split(text, "".join(thoughts))
