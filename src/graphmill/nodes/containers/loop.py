"""loop: the nodes inside run again and again, on the same values (`nodes §16`)."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.rounds import Conclusion, Round, RoundEnd, Rounds
from graphmill.engine.usage import Usage, usage_metadata
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section
from graphmill.nodes.condition_data import ConditionData, ConditionGroupData, LogicalOperator
from graphmill.variables.conditions import ConditionGroup, evaluate
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector, parse_selector
from graphmill.variables.values import MISSING, Missing, Value, type_of

_PARSED: Final = frozenset({"array[string]", "array[number]", "array[object]"})
"""Types whose constants are written as JSON; what is none means the empty list."""
_NUMBERS: Final = frozenset({"integer", "float"})


class LoopVariable(Section):
    label: str
    var_type: Literal[
        "string", "number", "object", "boolean",
        "array[string]", "array[number]", "array[object]", "array[boolean]",
    ]  # fmt: skip
    value_type: Literal["constant", "variable"]
    value: Any = None

    def source(self) -> Selector | None:
        """Where the first value comes from; None for a constant, or for what is no selector."""
        if self.value_type == "variable" and isinstance(self.value, list):
            return parse_selector([str(part) for part in self.value])
        return None

    def first_value(self, pool: Pool) -> Value:
        """Raises ValueError with Dify's text."""
        if self.value_type == "constant":
            return _constant(self.var_type, self.value)
        source = self.source()
        found = MISSING if source is None else pool.find(source)
        if isinstance(found, Missing):
            raise ValueError(f"Invalid value for loop variable {self.label}")
        return found


class LoopData(NodeData):
    start_node_id: str
    loop_count: Annotated[int, Field(ge=0)]
    break_conditions: tuple[ConditionData, ...]
    logical_operator: LogicalOperator = LogicalOperator.AND
    loop_variables: tuple[LoopVariable, ...] = ()


class Loop:
    def __init__(self, node_id: str, data: LoopData) -> None:
        self._node_id = node_id
        self._data = data
        self._break = ConditionGroupData(
            logical_operator=data.logical_operator, conditions=data.break_conditions
        ).build()

    def run(self, context: NodeContext) -> Rounds:
        """Failures are raised, as in Dify: they count as unexpected errors."""
        variables: dict[str, Value] = {}
        for variable in self._data.loop_variables:
            value = variable.first_value(context.pool)
            context.pool.set(self._node_id, variable.label, value)
            variables[variable.label] = value
        return _Repetition(
            self._node_id, self._data.loop_count, self._break, variables, context.pool
        )


class _Repetition(Rounds):
    """One execution: round after round on the values of the frame around."""

    __slots__ = (
        "_break", "_count", "_durations", "_error", "_index", "_is_left", "_is_open", "_labels",
        "_node_id", "_outputs", "_pool", "_values",
    )  # fmt: skip

    merges_outputs: ClassVar = True

    def __init__(
        self,
        node_id: str,
        count: int,
        break_group: ConditionGroup,
        variables: dict[str, Value],
        pool: Pool,
    ) -> None:
        self.inputs = {"loop_count": count, **variables}
        self.metadata = {"loop_length": count}
        self._node_id = node_id
        self._count = count
        self._break = break_group
        self._labels = tuple(variables)
        self._pool = pool
        self._index = 0
        """Of the next round."""
        self._is_open = False
        self._is_left = self._is_reached_before()
        self._error: str | None = None
        self._outputs: dict[str, Value] = {}
        self._durations: dict[str, Value] = {}
        self._values: dict[str, Value] = {}
        """By round: the variables after it."""

    @property
    def is_parallel(self) -> bool:
        return False

    def next(self) -> Round | None:
        if self._is_open or self._is_left or self._error or self._index >= self._count:
            return None
        self._is_open = True
        return Round(self._index, self._pool, self._index > 0, dict(self._outputs))

    def finish(self, end: RoundEnd) -> None:
        self._is_open = False
        self._error = end.error
        if end.error is not None:
            return
        self._durations[str(end.index)] = end.seconds
        self._index += 1
        try:
            variables = self._variables()
            self._values[str(end.index)] = variables
            self._outputs = {**variables, "loop_round": self._index}
            self._is_left = end.is_last or self._is_reached()
        except ValueError as error:
            self._error = str(error)

    def conclude(self, usage: Usage) -> Conclusion:
        announced = None
        if self._error is not None:
            reason = "error"
        elif self._is_left:
            reason = "loop_break"
        else:
            reason = "loop_completed"
            if self._count:
                announced = Round(self._count, self._pool, outputs_before=self._outputs)
        metadata: dict[str, Value] = {
            **usage_metadata(usage),
            "completed_reason": reason,
            "loop_duration_map": self._durations,
            "loop_variable_map": self._values,
        }
        outcome: Outcome
        if self._error is None:
            outcome = Succeeded(self._outputs, self.inputs, metadata=metadata)
        else:
            outcome = Failed(self._error, inputs=self.inputs)
        return Conclusion(outcome, metadata, self._index, announced)

    def _variables(self) -> dict[str, Value]:
        """The variables as they are now. Raises ValueError when one is gone."""
        variables: dict[str, Value] = {}
        for label in self._labels:
            found = self._pool.find((self._node_id, label))
            if isinstance(found, Missing):
                raise ValueError(f"loop variable {label} is missing")
            variables[label] = found
        return variables

    def _is_reached(self) -> bool:
        """Do the break conditions hold? Raises ValueError when that cannot be told."""
        return bool(self._break.conditions) and evaluate(self._break, self._pool).result

    def _is_reached_before(self) -> bool:
        """The same before the first round, when the nodes inside have given nothing yet."""
        try:
            return self._is_reached()
        except ValueError:
            return False


def _constant(var_type: str, value: Any) -> Value:
    """The value that a constant means. Raises ValueError with Dify's text."""
    if var_type in _PARSED and not isinstance(value, list):
        value = json.loads(value) if isinstance(value, str) and value else []
    try:
        return _typed(var_type, value)
    except ValueError:
        if not isinstance(value, str):
            raise
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value
        return _typed(var_type, parsed)


def _typed(var_type: str, value: Value) -> Value:
    """`value` as it is, if it is of that type (`workflow-dsl §14.2`). Raises ValueError."""
    if value is None:
        raise ValueError(f"Type mismatch: expected {var_type}, but got None")
    if value == []:
        if var_type.startswith("array"):
            return value
        raise ValueError(f"Type mismatch: expected {var_type}, but got empty list")
    actual = type_of(value)
    if actual != var_type and not (var_type == "number" and actual in _NUMBERS):
        raise ValueError(f"Type mismatch: expected {var_type}, but got {actual}, value={value}")
    return value


def _build(node_id: str, data: LoopData, ports: NodePorts) -> Loop:
    return Loop(node_id, data)


def _output_names(data: LoopData) -> frozenset[str]:
    return frozenset({"loop_round", *(variable.label for variable in data.loop_variables)})


def _reads(data: LoopData) -> tuple[Selector, ...]:
    sources = (variable.source() for variable in data.loop_variables)
    conditions = (condition.reads() for condition in data.break_conditions)
    return (
        *(source for source in sources if source is not None),
        *(selector for reads in conditions for selector in reads),
    )


def _entry(data: LoopData) -> str:
    return data.start_node_id


def _declares(data: LoopData) -> Mapping[str, str]:
    """A number is what its value is."""
    return {
        variable.label: variable.var_type
        for variable in data.loop_variables
        if variable.value_type == "constant" and variable.var_type != "number"
    }


LOOP: Final = NodeType(
    "loop",
    LoopData,
    _build,
    node_class=NodeClass.CONTAINER,
    output_names=_output_names,
    reads=_reads,
    entry=_entry,
    declares=_declares,
)
