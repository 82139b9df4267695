"""if-else: leave by the first case that is true, or by `false` (`nodes §7`)."""

from dataclasses import dataclass
from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.nodes.base import NodeData, NodePorts, NodeType
from graphmill.nodes.condition_data import ConditionData, ConditionGroupData, LogicalOperator
from graphmill.variables.conditions import ConditionGroup, evaluate
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value

ELSE: Final = "false"
"""The exit when no case is true."""

LEGACY_CASE: Final = "true"
"""The exit of the one case that files without `cases` have."""


class CaseData(ConditionGroupData):
    case_id: str


class IfElseData(NodeData):
    cases: tuple[CaseData, ...] | None = None
    logical_operator: LogicalOperator = LogicalOperator.AND
    """With `conditions`: how files wrote their one case before there were `cases`."""
    conditions: tuple[ConditionData, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    handle: str
    group: ConditionGroup
    shown: Value
    """The case as logs show it."""


class IfElse:
    def __init__(self, data: IfElseData) -> None:
        if data.cases is not None:
            self._cases = tuple(
                Case(case.case_id, case.build(), case.model_dump(mode="json"))
                for case in data.cases
            )
        else:
            self._cases = (Case(LEGACY_CASE, _legacy_group(data).build(), "default"),)

    def run(self, context: NodeContext) -> Outcome:
        results: list[Value] = []
        inputs: dict[str, Value] = {"conditions": []}
        process_data: dict[str, Value] = {"condition_results": results}
        matched: Case | None = None
        for case in self._cases:
            try:
                evaluation = evaluate(case.group, context.pool)
            except ValueError as error:
                return Failed(str(error), inputs=inputs, process_data=process_data)
            inputs["conditions"] = evaluation.compared
            results.append(
                {
                    "group": case.shown,
                    "results": evaluation.results,
                    "final_result": evaluation.result,
                }
            )
            if evaluation.result:
                matched = case
                break
        handle = matched.handle if matched else ELSE
        outputs: dict[str, Value] = {"result": matched is not None, "selected_case_id": handle}
        return Succeeded(outputs, inputs, process_data, handle=handle)


def _legacy_group(data: IfElseData) -> ConditionGroupData:
    return ConditionGroupData(logical_operator=data.logical_operator, conditions=data.conditions)


def _build(node_id: str, data: IfElseData, ports: NodePorts) -> IfElse:
    return IfElse(data)


def _reads(data: IfElseData) -> tuple[Selector, ...]:
    groups = (data,) if data.cases is None else data.cases
    return tuple(
        selector
        for group in groups
        for condition in group.conditions
        for selector in condition.reads()
    )


def _output_names(data: IfElseData) -> frozenset[str]:
    return frozenset({"result", "selected_case_id"})


def _handles(data: IfElseData) -> frozenset[str]:
    cases = [LEGACY_CASE] if data.cases is None else [case.case_id for case in data.cases]
    return frozenset([*cases, ELSE])


IF_ELSE: Final = NodeType(
    "if-else",
    IfElseData,
    _build,
    node_class=NodeClass.BRANCH,
    output_names=_output_names,
    reads=_reads,
    handles=_handles,
)
