"""variable-aggregator: the first of some variables that exists; it joins branches (`nodes §13`)."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value


class AggregatorGroup(Section):
    group_name: str
    variables: tuple[SelectorField, ...]


class AdvancedSettings(Section):
    group_enabled: bool = False
    groups: tuple[AggregatorGroup, ...] = ()


class VariableAggregatorData(NodeData):
    variables: tuple[SelectorField, ...]
    advanced_settings: AdvancedSettings = AdvancedSettings()

    @property
    def groups(self) -> tuple[AggregatorGroup, ...] | None:
        """None without grouping: one output then, not one for each group."""
        return self.advanced_settings.groups if self.advanced_settings.group_enabled else None


class VariableAggregator:
    def __init__(self, data: VariableAggregatorData) -> None:
        self._variables = data.variables
        self._groups = data.groups

    def run(self, context: NodeContext) -> Outcome:
        inputs: dict[str, Value] = {}
        if self._groups is None:
            return Succeeded(_first_present(self._variables, context.pool, inputs), inputs)
        outputs: dict[str, Value] = {}
        for group in self._groups:
            output = _first_present(group.variables, context.pool, inputs)
            if output:
                outputs[group.group_name] = output
        return Succeeded(outputs, inputs)


def _first_present(
    selectors: tuple[Selector, ...], pool: Pool, inputs: dict[str, Value]
) -> dict[str, Value]:
    """`{"output": value}`, or nothing; a variable that exists and is None exists."""
    for selector in selectors:
        value = pool.find(selector)
        if not isinstance(value, Missing):
            inputs[".".join(selector[1:])] = value
            return {"output": value}
    return {}


def _build(node_id: str, data: VariableAggregatorData, ports: NodePorts) -> VariableAggregator:
    return VariableAggregator(data)


def _output_names(data: VariableAggregatorData) -> frozenset[str]:
    if data.groups is None:
        return frozenset({"output"})
    return frozenset(group.group_name for group in data.groups)


def _reads(data: VariableAggregatorData) -> tuple[Selector, ...]:
    if data.groups is None:
        return data.variables
    return tuple(selector for group in data.groups for selector in group.variables)


VARIABLE_AGGREGATOR: Final = NodeType(
    "variable-aggregator",
    VariableAggregatorData,
    _build,
    output_names=_output_names,
    reads=_reads,
)
