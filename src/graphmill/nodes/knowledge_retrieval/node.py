"""Runs the node: read the query, decide what is searched, search, list what was found."""

from dataclasses import replace
from itertools import chain
from typing import Final

from graphmill.dsl.model import DataPath
from graphmill.dsl.rules import DatasetUse, ModelUse
from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.usage import Usage, usage_metadata, usage_object
from graphmill.errors import KnowledgeError, ModelError, StoreError
from graphmill.nodes.base import NodePorts, NodeType
from graphmill.nodes.knowledge_retrieval.asking import Adviser, Spent
from graphmill.nodes.knowledge_retrieval.data import KnowledgeRetrievalData
from graphmill.nodes.knowledge_retrieval.filters import Filters, filter_selectors
from graphmill.nodes.knowledge_retrieval.result import found_objects
from graphmill.nodes.prompts.call import error_type
from graphmill.nodes.prompts.parameters import Parameters
from graphmill.nodes.prompts.text import PromptInvalid
from graphmill.ports.knowledge import Search, Segment, Weights
from graphmill.variables.files import File
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value


class _Refused(Exception):
    """Nothing can be looked up. `kind` is the type of error that Dify reports."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class KnowledgeRetrieval:
    def __init__(self, data: KnowledgeRetrievalData, ports: NodePorts) -> None:
        self._data = data
        self._knowledge = ports.knowledge
        self._filters = Filters(data, ports)
        self._chooser = None if data.chooser is None else Adviser(data.chooser, ports)

    async def run(self, context: NodeContext) -> Outcome:
        data = self._data
        if not data.query_variable_selector and not data.query_attachment_selector:
            return Succeeded({})
        inputs: dict[str, Value] = {}
        spent = Spent()
        try:
            query = _query(data, context.pool, inputs)
            segments = await self._found(context, query, spent) if query else []
        except (_Refused, PromptInvalid) as error:
            return self._failed(str(error), error.kind, inputs, spent)
        except ModelError as error:
            return self._failed(str(error), error_type(error), inputs, spent)
        except (KnowledgeError, StoreError) as error:
            return self._failed(str(error), type(error).__name__, inputs, spent)
        usage = spent.usage
        return Succeeded(
            {"result": found_objects(segments)},
            inputs,
            {} if usage == Usage() else {"usage": usage_object(usage)},
            usage_metadata(usage),
            usage=usage,
        )

    async def _found(self, context: NodeContext, query: str, spent: Spent) -> list[Segment]:
        search = self._search(query)
        dataset_ids = self._data.dataset_ids
        if self._chooser is not None and len(dataset_ids) > 1:
            datasets = await self._knowledge.describe(dataset_ids)
            chosen = await self._chooser.choose(context, query, datasets, spent)
            if chosen is None:
                return []
            dataset_ids = (chosen.id,)
        wanted = await self._filters.build(context, query, dataset_ids, spent)
        return await self._knowledge.search(dataset_ids, replace(search, filter=wanted))

    def _search(self, query: str) -> Search:
        """Raises _Refused."""
        if self._data.retrieval_mode == "single":
            if self._chooser is None:
                raise _Refused("single_retrieval_config is required", "ValueError")
            # Dify's datasets say themselves how much is found; the file does not tell.
            return Search(query)
        config = self._data.multiple_retrieval_config
        if config is None:
            raise _Refused("multiple_retrieval_config is required", "ValueError")
        if config.is_weighted and config.weights is None:
            raise _Refused("weights is required", "ValueError")
        weights = Weights() if config.weights is None else config.weights.build()
        return Search(query, config.top_k, config.score_threshold, weights, config.rerank)

    @staticmethod
    def _failed(error: str, kind: str, inputs: dict[str, Value], spent: Spent) -> Failed:
        metadata = usage_metadata(spent.usage)
        return Failed(error, kind, inputs, metadata=metadata, usage=spent.usage)


def _query(data: KnowledgeRetrievalData, pool: Pool, inputs: dict[str, Value]) -> str:
    """What is looked up; nothing when only files are asked with. Raises _Refused."""
    query = ""
    if data.query_variable_selector:
        found = pool.find(data.query_variable_selector)
        if not isinstance(found, str):
            raise _Refused("Query variable is not string type.")
        inputs["query"] = query = found
    if data.query_attachment_selector:
        found = pool.find(data.query_attachment_selector)
        if isinstance(found, Missing) or not all(isinstance(file, File) for file in _listed(found)):
            raise _Refused("Attachments variable is not array file or file type.")
        inputs["attachments"] = found
        if found and not query:
            raise _Refused("Knowledge cannot be looked up by files here; give the node a text.")
    return query


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _build(node_id: str, data: KnowledgeRetrievalData, ports: NodePorts) -> KnowledgeRetrieval:
    return KnowledgeRetrieval(data, ports)


def _output_names(data: KnowledgeRetrievalData) -> frozenset[str]:
    return frozenset({"result"})


def _reads(data: KnowledgeRetrievalData) -> tuple[Selector, ...]:
    own = filter(None, (data.query_variable_selector, data.query_attachment_selector))
    asked = (data.chooser, data.filterer)
    parameters = (Parameters(each.completion_params).selectors for each in asked if each)
    return (*own, *filter_selectors(data), *chain.from_iterable(parameters))


def _models(data: KnowledgeRetrievalData) -> tuple[ModelUse, ...]:
    uses: list[ModelUse] = []
    if data.chooser is not None:
        at: DataPath = ("single_retrieval_config", "model", "provider")
        uses.append(ModelUse(data.chooser.provider, data.chooser.name, at))
    if data.filterer is not None:
        at = ("metadata_model_config", "provider")
        uses.append(ModelUse(data.filterer.provider, data.filterer.name, at))
    config = data.multiple_retrieval_config if data.retrieval_mode == "multiple" else None
    if config is not None and config.rerank is not None:
        at = ("multiple_retrieval_config", "reranking_model", "provider")
        uses.append(ModelUse(config.rerank.provider, config.rerank.name, at))
    return tuple(uses)


def _datasets(data: KnowledgeRetrievalData) -> tuple[DatasetUse, ...]:
    return tuple(
        DatasetUse(dataset_id, ("dataset_ids", number))
        for number, dataset_id in enumerate(data.dataset_ids)
    )


KNOWLEDGE_RETRIEVAL: Final = NodeType(
    "knowledge-retrieval",
    KnowledgeRetrievalData,
    _build,
    output_names=_output_names,
    reads=_reads,
    models=_models,
    datasets=_datasets,
)
