"""Bases of this server: what goes in, and what is found."""

from pathlib import Path

import pytest

from graphmill.errors import DatasetNotFound, KnowledgeFailed, ModelNotConfigured
from graphmill.knowledge.intake import Taken
from graphmill.ports.knowledge import (
    Dataset,
    MetadataCondition,
    MetadataFilter,
    Search,
    Weights,
)
from graphmill.ports.models import ModelRef
from tests.knowledge.stand_ins import EMBEDDING, HANDBOOK, base, handbook, opened

ONLY_MEANING = Weights(1, 0)
ONLY_WORDS = Weights(0, 1)
MEANING = base(embedding=EMBEDDING)


async def test_words_are_found_and_rare_ones_count_most(tmp_path: Path) -> None:
    async with handbook(tmp_path) as world:
        assert ["lunch.md", "pay.md"] == (await world.found("is there fish on the table"))[:2]
        assert [] == world.calls


async def test_a_score_is_the_share_of_the_query_that_is_there(tmp_path: Path) -> None:
    async with handbook(tmp_path) as world:
        whole = await world.knowledge.search(["any"], Search("salary arrives"))
        nothing = await world.knowledge.search(["any"], Search("quantum chromodynamics"))
    assert (["pay.md"], 1.0) == ([each.document_name for each in whole], whole[0].score)
    assert [] == nothing


async def test_words_of_writings_without_blanks_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.add("leave", "员工每年享有十五天年假。")
        await world.add("lunch", "食堂中午开放。")
        assert ["leave"] == await world.found("年假有几天?")


async def test_meaning_is_found_without_a_common_word(tmp_path: Path) -> None:
    async with handbook(tmp_path, MEANING) as world:
        assert "leave.md" == (await world.found("vacation", weights=ONLY_MEANING))[0]
        assert [] == await world.found("vacation", weights=ONLY_WORDS)


async def test_weights_decide_between_meaning_and_words(tmp_path: Path) -> None:
    async with handbook(tmp_path, MEANING) as world:
        query = "vacation arrives"
        assert "leave.md" == (await world.found(query, weights=Weights(0.9, 0.1)))[0]
        assert "pay.md" == (await world.found(query, weights=Weights(0.1, 0.9)))[0]


@pytest.mark.parametrize("vector", [0.0, 0.2, 0.5, 0.8, 1.0])
async def test_the_best_are_the_same_however_many_are_wanted(tmp_path: Path, vector: float) -> None:
    async with handbook(tmp_path, MEANING) as world:
        weights = Weights(vector, 1 - vector)
        query = "vacation lunch arrives on Fridays"
        everything = await world.found(query, weights=weights, top_k=10)
        for count in range(1, len(HANDBOOK)):
            assert everything[:count] == await world.found(query, weights=weights, top_k=count)


async def test_prefixes_go_to_the_model_and_into_no_text(tmp_path: Path) -> None:
    prefixed = {**EMBEDDING, "query_prefix": "query: ", "text_prefix": "passage: "}
    async with opened(tmp_path, base(embedding=prefixed)) as world:
        await world.add("a", "leave")
        found = await world.knowledge.search(["any"], Search("holiday"))
        assert [["passage: leave"], ["query: holiday"]] == [call["input"] for call in world.calls]
    assert ["leave"] == [segment.content for segment in found]


async def test_top_k_and_threshold_limit_what_is_found(tmp_path: Path) -> None:
    async with handbook(tmp_path, MEANING) as world:
        assert 3 == len(await world.found("leave lunch pay"))
        assert 2 == len(await world.found("leave lunch pay", top_k=2))
        assert ["leave.md"] == await world.found("leave", score_threshold=0.5)


async def test_a_reranker_has_the_last_word(tmp_path: Path) -> None:
    async with handbook(tmp_path, MEANING) as world:
        found = await world.knowledge.search(
            ["any"], Search("leave", top_k=2, rerank=ModelRef("openai", "reranker"))
        )
        assert "/v1/rerank" == world.provider.received[-1].target
    by_length = sorted(HANDBOOK, key=lambda name: len(HANDBOOK[name]))
    assert by_length[0] != "leave.md"
    assert found == sorted(found, key=lambda each: -each.score)
    assert found[0].score == 1 / len(found[0].content)


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("topic", "is", "pay", ["pay.md"]),
        ("topic", "in", "pay,lunch", ["lunch.md", "pay.md"]),
        ("document_name", "start with", "leave", ["leave.md"]),
        ("pages", ">", "1000", []),
    ],
)
async def test_filters_choose_the_documents(
    tmp_path: Path, name: str, operator: str, value: str, expected: list[str]
) -> None:
    wanted = MetadataFilter((MetadataCondition(name, operator, value),))
    async with handbook(tmp_path, MEANING) as world:
        assert expected == sorted(await world.found("leave lunch pay", filter=wanted))


async def test_what_is_found_says_where_it_stands(tmp_path: Path) -> None:
    small = base(segments={"tokens": 20, "overlap": 0})
    async with opened(tmp_path, small) as world:
        await world.add(
            "long", f"{'Filler words here. ' * 4}\n\nThe treasure is here.", year="1999"
        )
        (found,) = await world.knowledge.search(["any"], Search("treasure"))
    assert found.place is not None
    assert ("any", "handbook", "long", "The treasure is here.", {"year": "1999"}, 2, 21) == (
        found.dataset_id,
        found.dataset_name,
        found.document_name,
        found.content,
        found.doc_metadata,
        found.place.position,
        found.place.characters,
    )


async def test_what_is_there_already_is_not_taken_in_again(tmp_path: Path) -> None:
    async with opened(tmp_path, MEANING) as world:
        taken = [
            await world.add("a", "leave", year="1999"),
            await world.add("a", "leave", year="1999"),
            await world.add("a", "leave", year="2000"),
            await world.add("a", "lunch", year="2000"),
            await world.add("b", "lunch", year="2000"),
        ]
        assert 4 == len(world.calls)
        assert 2 == len(await world.store.numbers("handbook"))
        assert [] == await world.found("leave", weights=ONLY_WORDS)
    assert [Taken.ADDED, Taken.UNCHANGED, Taken.REPLACED, Taken.REPLACED, Taken.ADDED] == taken


async def test_a_document_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.add("a", "leave")
        with pytest.raises(KnowledgeFailed, match="a has no text"):
            await world.add("a", "   ")
        assert ["a"] == await world.found("leave")


async def test_bases_do_not_see_each_other(tmp_path: Path) -> None:
    entries = [base("ours", "id-ours"), base("theirs", "id-theirs")]
    async with opened(tmp_path, *entries) as world:
        await world.add("ours.md", "the secret is 1", base="ours")
        await world.add("theirs.md", "the secret is 2", base="theirs")
        assert ["ours.md"] == await world.found("secret", "id-ours")
        assert ["theirs.md"] == await world.found("secret", "id-theirs")
        assert ["ours.md", "theirs.md"] == sorted(
            await world.found("secret", "id-ours", "id-theirs")
        )


async def test_two_ids_of_one_base_find_a_segment_once(tmp_path: Path) -> None:
    async with handbook(tmp_path) as world:
        assert ["pay.md"] == await world.found("salary", "id-1", "id-2")


async def test_an_id_that_nothing_serves_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    async with opened(tmp_path, base(dataset="other")) as world:
        with pytest.raises(DatasetNotFound, match="'any' is not mapped; add an entry"):
            await world.found("leave")


async def test_vectors_of_another_model_are_not_compared(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.add("a", "leave")
    async with opened(tmp_path, MEANING) as world:
        with pytest.raises(KnowledgeFailed, match="graphmill knowledge add handbook"):
            await world.found("leave")
        assert Taken.REPLACED == await world.add("a", "leave")
        assert ["a"] == await world.found("leave")


async def test_a_model_that_fails_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path, base(embedding={"provider": "nobody", "name": "m"})) as world:
        with pytest.raises(ModelNotConfigured):
            await world.add("a", "leave")
        assert [] == await world.store.documents("handbook")


async def test_datasets_are_described_with_the_metadata_of_their_documents(
    tmp_path: Path,
) -> None:
    async with handbook(tmp_path, base(description="House rules")) as world:
        assert [Dataset("any", "handbook", "House rules", ("pages", "topic"))] == (
            await world.knowledge.describe(["any"])
        )


@pytest.mark.parametrize(
    "query", ["", "  ", '"', "NEAR(a b)", "a* OR b", "' --", "\0", "leave " * 999]
)
async def test_no_query_is_too_strange(tmp_path: Path, query: str) -> None:
    async with handbook(tmp_path, MEANING) as world:
        assert set(await world.found(query)) <= set(HANDBOOK)
