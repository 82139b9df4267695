"""Which entry of the configuration serves a model, and what it adds to the provider."""

import asyncio
import json
from decimal import Decimal
from typing import Any, get_args

import pytest

from graphmill.config.models import ModelFeature
from graphmill.errors import ModelFailed, ModelNotConfigured, ModelRefused
from graphmill.ports.models import Feature, FilePart, Message, ModelRef, Role
from graphmill.variables.files import File
from tests.models.stand_ins import (
    MODEL,
    WHOLE_REPLY,
    asking,
    delta,
    events,
    models_of,
    provider,
    streaming,
    text_of,
)
from tests.outbound.local_server import reply


def entry(provider: str, size: int, **more: Any) -> dict[str, Any]:
    return {"provider": provider, "kind": "openai", "context_size": size, **more}


ENTRIES = [
    entry("langgenius/openai/openai", 1, names=["gpt-4*"]),
    entry("openai", 2, names=["o?"]),
    entry("*/anthropic", 3),
    entry("langgenius/*", 4),
]


@pytest.mark.parametrize(
    ("name", "model", "expected"),
    [
        pytest.param("langgenius/openai/openai", "gpt-4o", 1, id="as written"),
        pytest.param("openai", "gpt-4o", 1, id="short for the entry"),
        pytest.param("langgenius/openai/openai", "o3", 2, id="entry is short"),
        pytest.param("langgenius/anthropic/anthropic", "claude", 3, id="pattern"),
        pytest.param("langgenius/openai/openai", "whisper", 4, id="first that has the model"),
    ],
)
async def test_the_first_entry_that_fits_serves_a_model(
    name: str, model: str, expected: int
) -> None:
    async with models_of(ENTRIES) as models:
        assert expected == models.context_size(ModelRef(name, model))


async def test_a_provider_that_no_entry_names_is_not_configured() -> None:
    async with models_of(ENTRIES) as models:
        with pytest.raises(ModelNotConfigured, match=r"Model provider a/b/c is not configured"):
            models.chat(asking(model=ModelRef("a/b/c", "x")))


async def test_a_model_that_its_provider_does_not_have_is_refused() -> None:
    async with models_of(ENTRIES[:2]) as models:
        with pytest.raises(ModelRefused, match="Model no-such-model does not exist"):
            models.features(ModelRef("openai", "no-such-model"))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({}, {"vision", "document", "tool-call", "structured-output"}, id="OpenAI's"),
        pytest.param({"base_url": "http://x.test/v1"}, {"vision", "tool-call"}, id="others'"),
        pytest.param({"kind": "anthropic"}, {"vision", "document", "tool-call"}, id="Anthropic's"),
        pytest.param({"kind": "google"}, set(Feature), id="Google's"),
        pytest.param({"kind": "demo"}, {"structured-output"}, id="demo"),
        pytest.param({"features": ["audio"]}, {"audio"}, id="as configured"),
    ],
)
async def test_features_follow_from_the_kind_or_are_configured(
    more: dict[str, Any], expected: set[str]
) -> None:
    async with models_of([{"provider": "*", "kind": "openai", **more}]) as models:
        assert expected == models.features(MODEL)


def test_the_configuration_knows_all_features() -> None:
    assert set(Feature) == set(get_args(ModelFeature))


PRICES = {"gpt-4o-mini": {"input": "0.15", "output": "0.60"}}


async def test_a_known_price_is_multiplied_out() -> None:
    async with provider(streaming(WHOLE_REPLY), prices=PRICES) as stand_in:
        usage = (await stand_in.reply())[-1].usage
    assert usage is not None
    assert (Decimal("0.0000005"), Decimal("0.0000012"), Decimal("0.0000017"), "USD") == (
        usage.prompt_price,
        usage.completion_price,
        usage.total_price,
        usage.currency,
    )
    assert (Decimal("0.15"), Decimal("0.60")) == (
        usage.prompt_unit_price,
        usage.completion_unit_price,
    )


async def test_an_unknown_price_is_none() -> None:
    async with provider(streaming(WHOLE_REPLY)) as stand_in:
        usage = (await stand_in.reply())[-1].usage
    assert usage is not None
    assert (None, None) == (usage.total_price, usage.prompt_unit_price)


async def test_tokens_that_nobody_counted_are_guessed_and_have_no_price() -> None:
    stream = events(delta("12345678", "stop"), b"[DONE]")
    async with provider(streaming(stream), prices=PRICES) as stand_in:
        usage = (await stand_in.reply(asking("12345")))[-1].usage
    assert usage is not None
    assert (2, 2, None) == (usage.prompt_tokens, usage.completion_tokens, usage.total_price)


async def test_times_are_measured() -> None:
    async with provider(streaming(events(delta("a")), WHOLE_REPLY, pause=0.05)) as stand_in:
        usage = (await stand_in.reply())[-1].usage
    assert usage is not None
    assert usage.time_to_first_token is not None
    assert usage.time_to_generate is not None
    assert usage.time_to_first_token < usage.latency
    assert 0.04 < usage.time_to_generate < usage.latency


async def test_embeddings_cost_too() -> None:
    answer = {"data": [{"index": 0, "embedding": [1.0]}], "usage": {"prompt_tokens": 1000}}
    async with provider(reply(200, json.dumps(answer).encode()), prices=PRICES) as stand_in:
        _, usage = await stand_in.models.embed(MODEL, ["a"])
    assert Decimal("0.00015") == usage.total_price


async def test_a_reply_is_told_with_what_it_used() -> None:
    async with provider(streaming(WHOLE_REPLY)) as stand_in:
        await stand_in.reply()
        [call] = stand_in.calls
    assert (MODEL, "succeeded") == (call.model, call.status)
    assert call.usage is not None
    assert (3, 2) == (call.usage.prompt_tokens, call.usage.completion_tokens)


async def test_calls_of_all_kinds_are_told() -> None:
    async with provider(reply(400, b"no")) as stand_in:
        models = stand_in.models
        for call in (
            stand_in.reply(),
            models.embed(MODEL, ["a"]),
            models.rerank(MODEL, "a", ["b"], top=1),
            models.draw(MODEL, "a cat", size=None),
        ):
            with pytest.raises(ModelFailed):
                await call
        assert [(MODEL, "failed")] * 4 == [(call.model, call.status) for call in stand_in.calls]


async def test_a_model_takes_only_so_many_calls_at_a_time() -> None:
    slow = streaming(events(delta("a")), WHOLE_REPLY, pause=0.05)
    async with provider(slow, concurrency=1) as stand_in:
        async with asyncio.TaskGroup() as group:
            replies = [group.create_task(stand_in.reply()) for _ in range(3)]
        # One at a time needs one connection.
        assert (3, 1) == (len(stand_in.server.received), stand_in.server.connections)
        assert ["aHello"] * 3 == [text_of(reply.result()) for reply in replies]


async def test_models_do_not_wait_for_each_other() -> None:
    async with provider(streaming(WHOLE_REPLY, pause=0.05), concurrency=1) as stand_in:
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b"):
                group.create_task(stand_in.reply(asking(model=ModelRef("openai", name))))
        assert 2 == stand_in.server.connections


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        pytest.param({"queue": 0}, "too many calls wait for it", id="queue"),
        pytest.param({"queue_seconds": 0.05}, r"was busy for 0\.05 seconds", id="time"),
    ],
)
async def test_waiting_has_limits(limits: dict[str, Any], message: str) -> None:
    hanging = streaming(events(delta("a")), pause=30)
    async with provider(hanging, concurrency=1, **limits) as stand_in:
        first = stand_in.models.chat(asking())
        await anext(first)
        with pytest.raises(ModelFailed, match=message):
            await stand_in.reply()
        await first.aclose()


async def test_a_call_that_was_stopped_leaves_its_place() -> None:
    async with provider(streaming(WHOLE_REPLY, pause=0.01), concurrency=1, queue=0) as stand_in:
        first = stand_in.models.chat(asking())
        await anext(first)
        await first.aclose()
        assert "Hello" == text_of(await stand_in.reply())


async def test_a_file_that_cannot_be_read_fails_the_call() -> None:
    part = FilePart(File("image", "local_file", "huge.png", ".png", "image/png", related_id="1"))
    async with provider(streaming(WHOLE_REPLY)) as stand_in:
        stand_in.files.content = b"x" * ((50 << 20) + 1)
        with pytest.raises(ModelFailed, match=r"The file 'huge.png' cannot be sent to the model"):
            await stand_in.reply(asking(messages=(Message(Role.USER, (part,)),)))
        assert [] == stand_in.server.received
