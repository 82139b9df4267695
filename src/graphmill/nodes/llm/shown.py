"""How a reply is shown while it comes (`nodes §4.4`)."""

from typing import Protocol

from graphmill.engine.progress import Progress
from graphmill.nodes.replies.thinking import Split, ThoughtSplitter
from graphmill.variables.selectors import Selector


class Shown(Protocol):
    async def tell(self, piece: str) -> None: ...

    async def end(self) -> None: ...


class AsItComes:
    """Every piece is text, thoughts in their tags included."""

    def __init__(self, progress: Progress, selector: Selector) -> None:
        self._progress = progress
        self._selector = selector

    async def tell(self, piece: str) -> None:
        await self._progress.text(self._selector, piece)

    async def end(self) -> None:
        await self._progress.text(self._selector, "", is_final=True)


class ThoughtsApart:
    """What is thought is told as such, and is no part of the text."""

    def __init__(self, progress: Progress, selector: Selector) -> None:
        self._progress = progress
        self._selector = selector
        self._splitter = ThoughtSplitter()

    async def tell(self, piece: str) -> None:
        await self._tell(self._splitter.feed(piece))

    async def end(self) -> None:
        await self._tell(self._splitter.close())
        # First the thoughts: nobody asks for them any more when the text has ended.
        await self._progress.reasoning("", is_final=True)
        await self._progress.text(self._selector, "", is_final=True)

    async def _tell(self, split: Split) -> None:
        if split.thoughts:
            await self._progress.reasoning(split.thoughts)
        if split.answer:
            await self._progress.text(self._selector, split.answer)
