"""The rounds of an iteration or loop, as the node that asks for them and the traversal that runs
them agree on (`workflow-dsl §11`)."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from graphmill.engine.outcome import Outcome
from graphmill.engine.usage import Usage
from graphmill.variables.pool import Pool
from graphmill.variables.values import Value


@dataclass(slots=True)
class Round:
    """One frame to run."""

    index: int
    pool: Pool
    is_announced: bool = True
    """Is its beginning told? A loop's first round is not."""
    outputs_before: Value = None
    """What the rounds so far gave, as the announcement says it."""


@dataclass(frozen=True, slots=True)
class RoundEnd:
    index: int
    pool: Pool
    error: str | None
    """Of the first node that failed without recourse."""
    seconds: float
    is_last: bool
    """Did a node inside ask to leave the container (loop-end)?"""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What became of all rounds."""

    outcome: Outcome
    metadata: dict[str, Value]
    steps: int
    """Rounds that were run."""
    announced: Round | None = None
    """A round that is announced although it will not be run."""


class Rounds:
    """One execution of a container: which rounds there are, and what comes of them.

    A container's `run` returns this in place of an outcome. It keeps the state of that execution
    and never waits: the traversal asks for rounds, runs them, and says how they ended."""

    # No ABC: every outcome of every node is asked whether it is one of these, and ABCs answer
    # slowly. Type checkers insist on the abstract methods all the same.
    __slots__ = ("inputs", "metadata")

    merges_outputs: ClassVar[bool]
    """Do the outputs of response nodes inside become those of the frame around?"""
    inputs: dict[str, Value]
    metadata: dict[str, Value]
    """Told when the container starts."""

    @property
    @abstractmethod
    def is_parallel(self) -> bool:
        """May several rounds be open at once? Their streamed text is then shown round by round."""

    @abstractmethod
    def next(self) -> Round | None:
        """The next round that may begin now. None means that there is none before another ends."""

    @abstractmethod
    def finish(self, end: RoundEnd) -> None:
        """A round that `next` gave has ended."""

    @abstractmethod
    def conclude(self, usage: Usage) -> Conclusion:
        """No round is open and `next` gives none. `usage` is that of all rounds together."""
