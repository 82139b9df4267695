"""Conversations, as nodes see them: what was said before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from graphmill.engine.run import Run
from graphmill.variables.files import File


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A turn of a conversation that has been answered."""

    query: str
    answer: str
    files: tuple[File, ...] = ()
    """What the caller sent along with the query."""


class Conversations(Protocol):
    async def turns(self, run: Run, *, limit: int) -> Sequence[PastTurn]:
        """The last `limit` turns before the one that `run` is, oldest first; turns without an
        answer are left out. None for a run that is no turn of a conversation.

        Raises StoreError."""
        ...


class NoConversations:
    """Nothing was said before: for runs that nobody stores."""

    async def turns(self, run: Run, *, limit: int) -> Sequence[PastTurn]:
        return ()
