"""iteration: the nodes inside run once for each item of a list (`nodes §15`)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.rounds import Conclusion, Round, RoundEnd, Rounds
from graphmill.engine.usage import Usage, usage_metadata
from graphmill.nodes.base import NodeData, NodePorts, NodeType, SelectorField
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value

MOST_AT_ONCE: Final = 1000
"""Items under way together, however many `parallel_nums` allows."""


class ErrorMode(StrEnum):
    """What happens when an item fails."""

    TERMINATED = "terminated"
    CONTINUE_ON_ERROR = "continue-on-error"
    REMOVE_ABNORMAL_OUTPUT = "remove-abnormal-output"


class IterationData(NodeData):
    iterator_selector: SelectorField
    output_selector: SelectorField
    start_node_id: str
    is_parallel: bool = False
    parallel_nums: Annotated[int, Field(ge=1)] = 10
    error_handle_mode: ErrorMode = ErrorMode.TERMINATED
    flatten_output: bool = True

    @property
    def at_once(self) -> int:
        """Items that may be under way together."""
        return min(self.parallel_nums, MOST_AT_ONCE) if self.is_parallel else 1


class Iteration:
    def __init__(self, node_id: str, data: IterationData) -> None:
        self._node_id = node_id
        self._data = data

    def run(self, context: NodeContext) -> Outcome | Rounds:
        """Failures are raised, as in Dify: they count as unexpected errors."""
        found = context.pool.find(self._data.iterator_selector)
        if isinstance(found, Missing):
            raise LookupError(f"iterator variable {list(self._data.iterator_selector)} not found")
        if found is None or found == []:
            return Succeeded({"output": []}, {"iterator_selector": []})
        if not isinstance(found, list):
            raise ValueError(f"invalid iterator value: {found!r}, please provide a list.")
        return _Items(self._node_id, self._data, found, context.pool)


@dataclass(slots=True)
class _Result:
    """What an item gave; an item that was removed has none."""

    value: Value
    seconds: float
    is_removed: bool = False


class _Items(Rounds):
    """One execution: a round for each item, each on its own copy of the values."""

    __slots__ = ("_data", "_error", "_items", "_next", "_node_id", "_open", "_pool", "_results")

    merges_outputs: ClassVar = False

    def __init__(self, node_id: str, data: IterationData, items: list[Value], pool: Pool) -> None:
        self.inputs = {"iterator_selector": items}
        self.metadata = {"iteration_length": len(items)}
        self._node_id = node_id
        self._data = data
        self._items = items
        self._pool = pool
        self._next = 0
        self._open = 0
        self._results: dict[int, _Result] = {}
        """By index, in the order of their ends."""
        self._error: str | None = None

    @property
    def is_parallel(self) -> bool:
        return self._data.at_once > 1

    def next(self) -> Round | None:
        if (
            self._next == len(self._items)
            or self._open == self._data.at_once
            or self._error is not None
        ):
            return None
        index = self._next
        pool = self._pool.child()
        pool.set_all(self._node_id, {"index": index, "item": self._items[index]})
        self._next += 1
        self._open += 1
        return Round(index, pool)

    def finish(self, end: RoundEnd) -> None:
        self._open -= 1
        # Conversation variables live on; everything else was a copy (`workflow-dsl §11`).
        self._pool.adopt("conversation", end.pool)
        mode = self._data.error_handle_mode
        if end.error is None:
            found = end.pool.find(self._data.output_selector)
            value = None if isinstance(found, Missing) else found
            self._results[end.index] = _Result(value, end.seconds)
        elif mode is ErrorMode.TERMINATED:
            self._error = self._error or end.error
        else:
            is_removed = mode is ErrorMode.REMOVE_ABNORMAL_OUTPUT
            self._results[end.index] = _Result(None, end.seconds, is_removed)

    def conclude(self, usage: Usage) -> Conclusion:
        values = [
            result.value for _, result in sorted(self._results.items()) if not result.is_removed
        ]
        outputs: dict[str, Value] = {"output": self._flattened(values)}
        metadata: dict[str, Value] = {
            **usage_metadata(usage),
            "iteration_duration_map": {
                str(index): result.seconds for index, result in self._results.items()
            },
        }
        outcome: Outcome
        if self._error is None:
            outcome = Succeeded(outputs, self.inputs, metadata=metadata)
        else:
            outcome = Failed(self._error, inputs=self.inputs, outputs=outputs)
        return Conclusion(outcome, metadata, self._next)

    def _flattened(self, values: list[Value]) -> list[Value]:
        """Lists joined to one, when all that was given are lists."""
        lists = [value for value in values if isinstance(value, list)]
        given = sum(value is not None for value in values)
        if not self._data.flatten_output or not lists or len(lists) < given:
            return values
        return [item for each in lists for item in each]


def _build(node_id: str, data: IterationData, ports: NodePorts) -> Iteration:
    return Iteration(node_id, data)


def _output_names(data: IterationData) -> frozenset[str]:
    return frozenset({"output", "item", "index"})


def _reads(data: IterationData) -> tuple[Selector, ...]:
    return (data.iterator_selector, data.output_selector)


def _entry(data: IterationData) -> str:
    return data.start_node_id


ITERATION: Final = NodeType(
    "iteration",
    IterationData,
    _build,
    node_class=NodeClass.CONTAINER,
    output_names=_output_names,
    reads=_reads,
    entry=_entry,
)
