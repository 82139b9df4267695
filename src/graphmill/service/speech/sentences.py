"""Text as it is spoken: cut where a speaker would breathe, without the marks of Markdown."""

import re
from typing import Final

SHORTEST: Final = 20
"""Characters. What is shorter is spoken together with what follows, or it sounds chopped."""
LONGEST: Final = 400
"""Without an end of a sentence, the text is cut between two words."""

_END: Final = re.compile(r"""[.!?…]+["'”’)\]*_]*(?=\s)|[。！？；]+["'”’」』）]*|\n+""")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_MARKS: Final = re.compile(r"[*_`~#>|]+")
_SPACE: Final = re.compile(r"\s+")
_SOUND: Final = re.compile(r"[^\W_]")


class Sentences:
    """Text that is still coming, as pieces to be spoken one after the other."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, text: str) -> list[str]:
        """The pieces that are complete now."""
        self._rest += text
        pieces = []
        while size := _size_of_first(self._rest):
            pieces.append(self._rest[:size])
            self._rest = self._rest[size:]
        return _spoken(pieces)

    def end(self) -> list[str]:
        """What is left."""
        rest, self._rest = self._rest, ""
        return _spoken([rest])


def pieces_of(text: str) -> list[str]:
    sentences = Sentences()
    return sentences.add(text) + sentences.end()


def _size_of_first(text: str) -> int:
    """Characters of the first piece of `text`; 0 while its end is not known."""
    end = _END.search(text, SHORTEST, LONGEST)
    if end is not None:
        return end.end()
    if len(text) < LONGEST:
        return 0
    return text.rfind(" ", SHORTEST, LONGEST) + 1 or LONGEST


def _spoken(pieces: list[str]) -> list[str]:
    """Without marks, and without pieces that make no sound."""
    plain = (_SPACE.sub(" ", _MARKS.sub(" ", _LINK.sub(r"\1", piece))).strip() for piece in pieces)
    return [piece for piece in plain if _SOUND.search(piece)]
