"""The words of a text as searches know them, in writings with and without blanks."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_RUN: Final = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
CJK: Final = re.compile(rf"[{_CJK}]")


def words_of(text: str) -> Iterator[str]:
    """In order. Of writings without blanks, every two neighbouring characters are a word: nobody
    can tell where theirs end."""
    for match in _RUN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match[0]
        if CJK.match(run) and len(run) > 1:
            yield from (run[i : i + 2] for i in range(len(run) - 1))
        else:
            yield run
