"""What a model thinks before it answers, in one text with the answer.

Providers that tell the two apart give each its own field; workflows know thoughts as what stands
between `<think>` tags (`nodes §4.4`).
"""

from typing import Final

_BEGIN: Final = "<think>\n"
_END: Final = "\n</think>"


class Thinking:
    """The thoughts of one reply."""

    def __init__(self) -> None:
        self._is_open = False

    def text(self, thought: str | None, answer: str | None) -> str:
        """The next piece of either."""
        if not thought and not self._is_open:
            return answer or ""
        written = ""
        if thought:
            written = thought if self._is_open else _BEGIN + thought
            self._is_open = True
        return written + self.end() + answer if answer else written

    def end(self) -> str:
        """Nothing follows the thoughts."""
        if not self._is_open:
            return ""
        self._is_open = False
        return _END
