"""knowledge-retrieval: what it asks for, what it makes of the answer, what it cannot do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from graphmill.engine.outcome import Outcome
from graphmill.errors import (
    DatasetNotFound,
    GraphmillError,
    KnowledgeFailed,
    ModelNotConfigured,
    StoreUnreachable,
)
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.knowledge import (
    Dataset,
    MetadataCondition,
    MetadataFilter,
    Place,
    Search,
    Segment,
    Weights,
)
from graphmill.ports.models import ModelRef
from graphmill.variables.files import File
from graphmill.variables.values import Value
from tests.nodes.running import validated
from tests.nodes.scripted_models import MODEL, USAGE, ScriptedModels, ask, failure, succeeded

FOUND = Segment(
    "d1", "Handbook", "doc-1", "leave.md", "28 days", 0.9, {"year": "1999"}, Place("s1", 3, 7, "ab")
)
OUTSIDE = Segment("d2", "Wiki", "w", "w", "30 days", 0.4, {})
PICTURE = File("image", "local_file", "a.png", ".png", "image/png", 4, "id-1")
MULTIPLE = {"retrieval_mode": "multiple", "multiple_retrieval_config": {"top_k": 5}}
SINGLE = {"retrieval_mode": "single", "single_retrieval_config": {"model": MODEL}}
VALUES: dict[str, dict[str, Value]] = {
    "start": {"q": "How many days?", "n": 3, "none": "", "year": "1999", "file": PICTURE}
}


@dataclass
class ScriptedKnowledge:
    """`ports.Knowledge`: these segments, whatever is asked."""

    segments: Sequence[Segment] = (FOUND, OUTSIDE)
    error: GraphmillError | None = None
    asked: list[tuple[list[str], Search]] = field(default_factory=list)

    async def search(self, dataset_ids: Sequence[str], search: Search) -> list[Segment]:
        self.asked.append((list(dataset_ids), search))
        if self.error is not None:
            raise self.error
        return list(self.segments)

    async def describe(self, dataset_ids: Sequence[str]) -> list[Dataset]:
        return [Dataset(each, f"Name of {each}", "", ("year", "topic")) for each in dataset_ids]


async def retrieve(
    knowledge: ScriptedKnowledge | None = None, models: ScriptedModels | None = None, **data: Any
) -> Outcome:
    config = {"query_variable_selector": ["start", "q"], "dataset_ids": ["d1", "d2"]}
    return await ask(
        "knowledge-retrieval",
        {**config, **MULTIPLE, **data},
        VALUES,
        models=models,
        knowledge=knowledge or ScriptedKnowledge(),
    )


async def searched(models: ScriptedModels | None = None, **data: Any) -> tuple[list[str], Search]:
    """What the node asks the knowledge."""
    knowledge = ScriptedKnowledge()
    succeeded(await retrieve(knowledge, models, **data))
    (asked,) = knowledge.asked
    return asked


async def test_results_are_listed_as_workflows_know_them() -> None:
    outcome = succeeded(await retrieve())
    assert {"query": "How many days?"} == outcome.inputs
    assert [
        {
            "title": "leave.md",
            "content": "28 days",
            "files": [],
            "metadata": {
                "_source": "knowledge",
                "position": 1,
                "dataset_id": "d1",
                "dataset_name": "Handbook",
                "document_id": "doc-1",
                "document_name": "leave.md",
                "data_source_type": "upload_file",
                "segment_id": "s1",
                "retriever_from": "workflow",
                "score": 0.9,
                "child_chunks": [],
                "segment_hit_count": 0,
                "segment_word_count": 7,
                "segment_position": 3,
                "segment_index_node_hash": "ab",
                "doc_metadata": {"year": "1999"},
            },
        },
        {
            "title": "w",
            "content": "30 days",
            "files": [],
            "metadata": {
                "_source": "knowledge",
                "position": 2,
                "dataset_id": "d2",
                "dataset_name": "Wiki",
                "document_id": "w",
                "document_name": "w",
                "data_source_type": "external",
                "retriever_from": "workflow",
                "score": 0.4,
                "doc_metadata": {},
            },
        },
    ] == outcome.outputs["result"]


RERANKING = {"provider": "cohere", "model": "rerank-v3"}
WEIGHTS = {
    "weight_type": "customized",
    "vector_setting": {"vector_weight": 0.2, "embedding_provider_name": "openai"},
    "keyword_setting": {"keyword_weight": 0.8},
}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"top_k": 7}, Search("How many days?", 7), id="top_k"),
        pytest.param(
            {"top_k": 2, "score_threshold": 0.5, "reranking_model": None},
            Search("How many days?", 2, 0.5),
            id="threshold",
        ),
        pytest.param(
            {"score_threshold": None, "reranking_model": RERANKING},
            Search("How many days?", rerank=ModelRef("cohere", "rerank-v3")),
            id="reranking",
        ),
        pytest.param(
            {"reranking_enable": False, "reranking_model": RERANKING},
            Search("How many days?"),
            id="reranking that is off",
        ),
        pytest.param(
            {"reranking_model": {"provider": "", "model": ""}},
            Search("How many days?"),
            id="no reranker chosen",
        ),
        pytest.param(
            {"reranking_mode": "weighted_score", "weights": WEIGHTS, "reranking_model": RERANKING},
            Search("How many days?", weights=Weights(0.2, 0.8)),
            id="weights",
        ),
    ],
)
async def test_the_configuration_of_many_datasets(config: Any, expected: Search) -> None:
    assert (["d1", "d2"], expected) == await searched(multiple_retrieval_config=config)


MANUAL = {
    "metadata_filtering_mode": "manual",
    "metadata_filtering_conditions": {
        "logical_operator": "or",
        "conditions": [
            {"id": "1", "name": "year", "comparison_operator": "is", "value": "{{#start.year#}}"},
            {"id": "2", "name": "topic", "comparison_operator": "in", "value": ["a", "b"]},
            {"id": "3", "name": "pages", "comparison_operator": ">", "value": 3},
            {"id": "4", "name": "draft", "comparison_operator": "empty"},
        ],
    },
}


async def test_conditions_of_the_file_are_filled_in() -> None:
    _, search = await searched(**MANUAL)
    assert (
        MetadataFilter(
            (
                MetadataCondition("year", "is", "1999"),
                MetadataCondition("topic", "in", ["a", "b"]),
                MetadataCondition("pages", ">", "3"),
                MetadataCondition("draft", "empty"),
            ),
            match_all=False,
        )
        == search.filter
    )


async def test_conditions_that_are_switched_off_do_not_count() -> None:
    _, search = await searched(**{**MANUAL, "metadata_filtering_mode": "disabled"})
    assert search.filter is None


AUTOMATIC = {"metadata_filtering_mode": "automatic", "metadata_model_config": MODEL}


@pytest.mark.parametrize(
    ("said", "conditions"),
    [
        (
            '{"conditions": [{"name": "year", "operator": "is", "value": "1999"}]}',
            [MetadataCondition("year", "is", "1999")],
        ),
        ('{"conditions": [{"name": "made up", "operator": "is", "value": "1"}]}', None),
        ('{"conditions": [{"name": "year", "operator": "~", "value": "1"}]}', None),
        ('{"conditions": "year"}', None),
        ('{"conditions": [3]}', None),
        ("I would not know.", None),
    ],
)
async def test_a_model_reads_conditions_out_of_the_query(
    said: str, conditions: list[MetadataCondition] | None
) -> None:
    models = ScriptedModels([said])
    _, search = await searched(models, **AUTOMATIC)
    assert conditions == (None if search.filter is None else list(search.filter.conditions))
    assert "How many days?" in models.prompt[-1][1]
    assert '"topic", "year"' in models.prompt[-1][1]


@pytest.mark.parametrize(
    ("said", "expected"),
    [('{"collection": 2}', ["d2"]), ('{"collection": 0}', None), ("None of them.", None)],
)
async def test_a_model_chooses_one_dataset(said: str, expected: list[str] | None) -> None:
    knowledge = ScriptedKnowledge()
    outcome = succeeded(await retrieve(knowledge, ScriptedModels([said]), **SINGLE))
    assert ([] if expected is None else [expected]) == [ids for ids, _ in knowledge.asked]
    assert USAGE == outcome.usage
    assert 15 == (outcome.metadata or {})["total_tokens"]
    assert "usage" in outcome.process_data


async def test_among_one_dataset_no_model_has_to_choose() -> None:
    models = ScriptedModels()
    assert (["d1"], Search("How many days?")) == await searched(
        models, **{**SINGLE, "dataset_ids": ["d1"]}
    )
    assert [] == models.requests


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"query_variable_selector": ["start", "n"]}, ("Query variable is not string type.", "")),
        ({"query_variable_selector": ["start", "x"]}, ("Query variable is not string type.", "")),
        (
            {"query_attachment_selector": ["start", "q"]},
            ("Attachments variable is not array file or file type.", ""),
        ),
        (
            {"query_variable_selector": None, "query_attachment_selector": ["start", "file"]},
            ("Knowledge cannot be looked up by files here; give the node a text.", ""),
        ),
        (
            {"multiple_retrieval_config": None},
            ("multiple_retrieval_config is required", "ValueError"),
        ),
        (
            {"multiple_retrieval_config": {"reranking_mode": "weighted_score"}},
            ("weights is required", "ValueError"),
        ),
        ({"retrieval_mode": "single"}, ("single_retrieval_config is required", "ValueError")),
    ],
)
async def test_what_cannot_be_looked_up_fails(data: Any, error: tuple[str, str]) -> None:
    assert error == failure(await retrieve(**data))


async def test_without_selectors_there_is_nothing_to_do() -> None:
    knowledge = ScriptedKnowledge()
    outcome = succeeded(await retrieve(knowledge, query_variable_selector=[]))
    assert ({}, []) == (outcome.outputs, knowledge.asked)


async def test_an_empty_query_finds_nothing() -> None:
    knowledge = ScriptedKnowledge()
    outcome = succeeded(await retrieve(knowledge, query_variable_selector=["start", "none"]))
    assert ({"result": []}, []) == (outcome.outputs, knowledge.asked)


async def test_files_beside_a_query_are_recorded() -> None:
    outcome = succeeded(await retrieve(query_attachment_selector=["start", "file"]))
    assert {"query": "How many days?", "attachments": PICTURE} == outcome.inputs


async def test_the_query_may_be_named_in_the_old_way() -> None:
    outcome = await ask(
        "knowledge-retrieval",
        {"query_variable_selector": ["sys.query"], "dataset_ids": ["d1"], **MULTIPLE},
        {"sys": {"query": "Old"}},
        knowledge=ScriptedKnowledge(),
    )
    assert {"query": "Old"} == succeeded(outcome).inputs


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DatasetNotFound("not mapped"), "DatasetNotFound"),
        (KnowledgeFailed("broken"), "KnowledgeFailed"),
        (StoreUnreachable("locked"), "StoreUnreachable"),
        (ModelNotConfigured("no embeddings"), "ProviderTokenNotInitError"),
    ],
)
async def test_a_search_that_fails_is_told(error: GraphmillError, kind: str) -> None:
    assert (str(error), kind) == failure(await retrieve(ScriptedKnowledge(error=error)))


async def test_what_a_model_used_is_told_of_a_failure_too() -> None:
    knowledge = ScriptedKnowledge(error=KnowledgeFailed("broken"))
    outcome = await retrieve(knowledge, ScriptedModels(['{"collection": 1}']), **SINGLE)
    assert USAGE == outcome.usage


def test_the_checker_learns_what_the_node_needs() -> None:
    kind = NODE_TYPES["knowledge-retrieval"]
    data = {
        "query_variable_selector": ["start", "q"],
        "dataset_ids": ["d1", "d2"],
        "retrieval_mode": "multiple",
        "multiple_retrieval_config": {"reranking_model": RERANKING},
        **MANUAL,
    }
    facts = kind.facts({"type": kind.name, "title": "Node", **data})
    assert facts is not None
    assert (("start", "q"), ("start", "year")) == facts.reads
    assert [("cohere", "rerank-v3")] == [(use.provider, use.name) for use in facts.models]
    assert [("d1", ("dataset_ids", 0)), ("d2", ("dataset_ids", 1))] == [
        (use.id, use.path) for use in facts.datasets
    ]


@pytest.mark.parametrize(
    "leftovers",
    [
        {"single_retrieval_config": {"model": {"provider": "", "name": "", "mode": ""}}},
        {"single_retrieval_config": None, "metadata_model_config": None},
        {"metadata_model_config": {"provider": "", "name": "", "mode": "chat"}},
        {"metadata_filtering_conditions": None, "metadata_filtering_mode": None},
        {"multiple_retrieval_config": {"weights": None, "score_threshold": None}},
        {"vision": {"enabled": False}, "query_attachment_selector": []},
    ],
)
def test_what_the_editor_leaves_empty_is_taken(leftovers: Any) -> None:
    data = {"query_variable_selector": ["start", "q"], "dataset_ids": ["d1"], **MULTIPLE}
    validated(NODE_TYPES["knowledge-retrieval"], {**data, **leftovers})
