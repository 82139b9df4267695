"""Conditions as files write them, for the node types that have some (`nodes §7`)."""

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from graphmill.nodes.base import Section, SelectorField
from graphmill.variables.conditions import (
    OPERATORS,
    Condition,
    ConditionGroup,
    FileCondition,
    FileConditionGroup,
)
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Value


def _known_operator(word: str) -> str:
    if word not in OPERATORS:
        raise ValueError(f"expected one of: {', '.join(OPERATORS)}")
    return word


OperatorWord: TypeAlias = Annotated[str, AfterValidator(_known_operator)]
RightSide: TypeAlias = str | list[str] | bool | None


class LogicalOperator(StrEnum):
    AND = "and"
    OR = "or"


class FileConditionData(Section):
    key: str
    comparison_operator: OperatorWord
    value: RightSide = None


class FileConditionGroupData(Section):
    logical_operator: LogicalOperator = LogicalOperator.AND
    conditions: tuple[FileConditionData, ...] = ()

    def build(self) -> FileConditionGroup:
        return FileConditionGroup(
            tuple(
                FileCondition(each.key, each.comparison_operator, _value(each.value))
                for each in self.conditions
            ),
            match_all=self.logical_operator is LogicalOperator.AND,
        )


class ConditionData(Section):
    variable_selector: SelectorField
    comparison_operator: OperatorWord
    value: RightSide = None
    sub_variable_condition: FileConditionGroupData | None = None

    def build(self) -> Condition:
        value = self.value
        return Condition(
            self.variable_selector,
            self.comparison_operator,
            Template.parse(value) if isinstance(value, str) else _value(value),
            self.sub_variable_condition.build() if self.sub_variable_condition else None,
        )

    def reads(self) -> tuple[Selector, ...]:
        value = self.value
        template = Template.parse(value) if isinstance(value, str) else None
        return (self.variable_selector, *(template.selectors if template else ()))


class ConditionGroupData(Section):
    logical_operator: LogicalOperator = LogicalOperator.AND
    conditions: tuple[ConditionData, ...] = ()

    def build(self) -> ConditionGroup:
        return ConditionGroup(
            tuple(condition.build() for condition in self.conditions),
            match_all=self.logical_operator is LogicalOperator.AND,
        )


def _value(raw: RightSide) -> Value:
    return list(raw) if isinstance(raw, list) else raw
