"""assigner: writes variables that exist already, such as those of a conversation (`nodes §14`).

Version 2 is a list of items that see each other's effects and take effect together or not at all.
Version 1 is a single assignment without checks of type.
"""

from enum import StrEnum
from typing import Any, Final

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.nodes.assigner.operations import (
    WITHOUT_VALUE,
    InputType,
    Operation,
    apply,
    supports,
    takes,
    zero,
)
from graphmill.nodes.base import InlineNode, NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import MISSING, Missing, Value


class WriteMode(StrEnum):
    """What version 1 can do."""

    OVER_WRITE = "over-write"
    APPEND = "append"
    CLEAR = "clear"


class AssignerItem(Section):
    variable_selector: SelectorField
    input_type: InputType
    operation: Operation
    value: Any = None
    """A constant, or the selector of the source."""

    @property
    def source(self) -> Selector | None:
        """Where the value comes from; None when it is a constant or not needed."""
        if self.input_type is InputType.CONSTANT or self.operation in WITHOUT_VALUE:
            return None
        return tuple(map(str, self.value)) if isinstance(self.value, list) else None


class RetryConfig(Section):
    max_retries: int = 0
    retry_interval: int = 0
    retry_enabled: bool = False


class AssignerData(NodeData):
    """Both versions. Version 2 shows all of its configuration as the inputs of the node."""

    title: str = ""
    desc: str | None = None
    version: str = "1"
    error_strategy: str | None = None
    default_value: Any = None
    retry_config: RetryConfig = RetryConfig()
    items: tuple[AssignerItem, ...] | None = None

    assigned_variable_selector: SelectorField = ()
    write_mode: WriteMode | None = None
    input_variable_selector: SelectorField = ()


class ItemsAssigner:
    """Version 2."""

    def __init__(self, data: AssignerData) -> None:
        """Raises ValueError when `items` is not there."""
        if data.items is None:
            raise ValueError("items: an assigner of version 2 needs them")
        self._items = data.items
        self._shown: dict[str, Value] = data.model_dump(
            mode="json",
            exclude={"assigned_variable_selector", "write_mode", "input_variable_selector"},
        )

    def run(self, context: NodeContext) -> Outcome:
        pool = context.pool.child()
        updates: dict[Selector, Value] = {}
        try:
            for item in self._items:
                value, target = _new_value(item, pool), item.variable_selector
                if not isinstance(value, Missing):
                    pool.set(target[0], target[1], value)
                    updates[target] = value
        except ValueError as error:
            return Failed(str(error), inputs=self._shown)
        process_data = {selector[1]: value for selector, value in updates.items()}
        process_data["__updated_variables"] = _shown_updates(updates, context.pool)
        return Succeeded({}, self._shown, process_data, updates=tuple(updates.items()))


class SingleAssigner:
    """Version 1."""

    def __init__(self, data: AssignerData) -> None:
        """Raises ValueError when target or mode are not there."""
        if len(data.assigned_variable_selector) < 2 or data.write_mode is None:
            raise ValueError(
                "assigned_variable_selector, write_mode: an assigner of version 1 needs both"
            )
        self._target = data.assigned_variable_selector
        self._mode = data.write_mode
        self._source = data.input_variable_selector

    def run(self, context: NodeContext) -> Outcome:
        """Failures are raised, as in Dify: they count as unexpected errors of the node."""
        pool = context.pool
        before = pool.find(self._target)
        if isinstance(before, Missing):
            raise ValueError("assigned variable not found")
        given = self._given(pool, before)
        value = given
        if self._mode is WriteMode.APPEND:
            if not isinstance(before, list):
                raise ValueError("append mode requires an array variable")
            value = [*before, given]
        _require_writable(self._target)
        updates = {self._target: value}
        return Succeeded(
            {},
            {"value": given},
            {"__updated_variables": _shown_updates(updates, pool)},
            updates=tuple(updates.items()),
        )

    def _given(self, pool: Pool, before: Value) -> Value:
        if self._mode is WriteMode.CLEAR:
            return zero(pool.type_at(self._target, before))
        given = pool.find(self._source)
        if isinstance(given, Missing):
            raise ValueError("input value not found")
        return given


def _new_value(item: AssignerItem, pool: Pool) -> Value | Missing:
    """What the target will hold; MISSING to leave it alone. Raises ValueError."""
    target, operation = item.variable_selector, item.operation
    before = pool.find(target)
    if isinstance(before, Missing):
        raise ValueError(f"Variable {list(target)} not found")
    _require_writable(target)
    kind = pool.type_at(target, before)
    if not supports(operation, kind):
        raise ValueError(f"Operation {operation} is not supported for type {kind}")
    if not takes(operation, item.input_type, kind):
        raise ValueError(f"Input type {item.input_type} is not supported for operation {operation}")
    value: Value = item.value
    if item.source is not None:
        found = pool.find(item.source)
        if isinstance(found, Missing):
            raise ValueError(f"Variable {list(item.source)} not found")
        if found is None:
            return MISSING
        value = found
    return apply(operation, kind, before, value)


def _require_writable(selector: Selector) -> None:
    if len(selector) != 2:
        raise ValueError(
            "Invalid selector: expected 2 elements (node_id, variable_name), "
            f"got {len(selector)} elements"
        )


def _shown_updates(updates: dict[Selector, Value], before: Pool) -> Value:
    """The updates as logs show them; a variable keeps the type it had."""
    shown: list[Value] = []
    for selector, value in updates.items():
        old = before.find(selector)
        assert not isinstance(old, Missing), "only variables that exist are updated"
        shown.append(
            {
                "name": selector[1],
                "selector": list(selector),
                "value_type": before.type_at(selector, old),
                "new_value": value,
            }
        )
    return shown


def _build(node_id: str, data: AssignerData, ports: NodePorts) -> InlineNode:
    if data.version == "2" or data.items is not None:
        return ItemsAssigner(data)
    return SingleAssigner(data)


def _output_names(data: AssignerData) -> frozenset[str]:
    return frozenset()


def _reads(data: AssignerData) -> tuple[Selector, ...]:
    if data.items is None:
        sources: list[Selector | None] = [data.input_variable_selector]
    else:
        sources = [item.source for item in data.items]
    return _writes(data) + tuple(source for source in sources if source)


def _writes(data: AssignerData) -> tuple[Selector, ...]:
    if data.items is None:
        return (data.assigned_variable_selector,)
    return tuple(item.variable_selector for item in data.items)


ASSIGNER: Final = NodeType(
    "assigner",
    AssignerData,
    _build,
    output_names=_output_names,
    reads=_reads,
    writes=_writes,
)
