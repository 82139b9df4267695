"""Which documents a node searches: by conditions of its own, or by what a model reads out of the
query."""

from collections.abc import Sequence

from graphmill.engine.context import NodeContext
from graphmill.nodes.base import NodePorts
from graphmill.nodes.condition_data import LogicalOperator
from graphmill.nodes.knowledge_retrieval.asking import Adviser, Spent
from graphmill.nodes.knowledge_retrieval.data import KnowledgeRetrievalData, MetadataConditionData
from graphmill.ports.knowledge import MetadataCondition, MetadataFilter
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Value


class Filters:
    def __init__(self, data: KnowledgeRetrievalData, ports: NodePorts) -> None:
        written = data.metadata_filtering_conditions
        self._match_all = written.logical_operator is LogicalOperator.AND
        self._conditions = _conditions(data)
        self._adviser = None if data.filterer is None else Adviser(data.filterer, ports)
        self._knowledge = ports.knowledge

    async def build(
        self, context: NodeContext, query: str, dataset_ids: Sequence[str], spent: Spent
    ) -> MetadataFilter | None:
        """Raises PromptInvalid, ModelError, KnowledgeError and StoreError."""
        conditions = tuple(each.render(context.pool) for each in self._conditions)
        if self._adviser is not None:
            datasets = await self._knowledge.describe(dataset_ids)
            fields = sorted({name for each in datasets for name in each.fields})
            if fields:
                conditions = await self._adviser.conditions(context, query, fields, spent)
        return MetadataFilter(conditions, self._match_all) if conditions else None


def filter_selectors(data: KnowledgeRetrievalData) -> tuple[Selector, ...]:
    """What the file's own conditions read."""
    return tuple(each for condition in _conditions(data) for each in condition.selectors)


class _Condition:
    """One of the file's own."""

    def __init__(self, data: MetadataConditionData) -> None:
        self._data = data
        self._value = Template.parse(data.value) if isinstance(data.value, str) else None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return self._value.selectors if self._value else ()

    def render(self, pool: Pool) -> MetadataCondition:
        value: Value = self._value.render(pool) if self._value else None
        if isinstance(self._data.value, list):
            value = list(self._data.value)
        return MetadataCondition(self._data.name, self._data.comparison_operator, value)


def _conditions(data: KnowledgeRetrievalData) -> list[_Condition]:
    if data.metadata_filtering_mode != "manual":
        return []
    return [_Condition(each) for each in data.metadata_filtering_conditions.conditions]
