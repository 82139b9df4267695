"""One entry of config `models` at work: its provider, with names, prices and limits around it."""

import time
from asyncio import CancelledError
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from graphmill.config.models import ModelSettings
from graphmill.engine.usage import Usage
from graphmill.errors import ModelFailed
from graphmill.models.places import Places
from graphmill.models.provider import Ending, Provider, Tokens, text_of
from graphmill.ports.models import ChatPiece, ChatRequest, Feature, ModelCall, ModelRef

_PRICE_PLACES: Final = Decimal("0.0000001")
"""Dify names prices as exactly as that."""
_CHARACTERS_A_TOKEN: Final = 4
"""A guess, for providers that do not count."""


class Entry:
    def __init__(
        self,
        settings: ModelSettings,
        provider: Provider,
        features: frozenset[Feature],
        told: Callable[[ModelCall], None],
    ) -> None:
        """`features`: what models of the provider can mostly do; `told` hears of each call."""
        self.settings = settings
        self._told = told
        self._provider = provider
        self._places: dict[str, Places] = {}
        self.context_size = settings.context_size
        self.features = (
            features if settings.features is None else frozenset(map(Feature, settings.features))
        )

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        model = request.model
        request = _with_stop_words(replace(request, model=self._renamed(model)))
        async with self._call(model) as watch:
            written = 0
            async with aclosing(self._provider.chat(request)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Ending):
                        prompt = sum(len(text_of(message)) for message in request.messages)
                        usage = self._usage(model, piece.tokens, (prompt, written), watch)
                        yield ChatPiece("", piece.tool_calls, piece.finish_reason, usage)
                    else:
                        watch.token()
                        written += len(piece)
                        yield ChatPiece(piece)

    async def embed(self, model: ModelRef, texts: Sequence[str]) -> tuple[list[list[float]], Usage]:
        async with self._call(model) as watch:
            vectors, tokens = await self._provider.embed(self._renamed(model).name, texts)
            if len(vectors) != len(texts):
                raise ModelFailed(
                    f"The model {model.name} gave {len(vectors)} vectors for {len(texts)} texts."
                )
            return vectors, self._usage(model, tokens, (sum(map(len, texts)), 0), watch)

    async def rerank(
        self, model: ModelRef, query: str, texts: Sequence[str], *, top: int
    ) -> list[tuple[int, float]]:
        async with self._call(model):
            scores = await self._provider.rerank(self._renamed(model).name, query, texts, top=top)
        return sorted(scores, key=lambda score: -score[1])[:top]

    async def draw(self, model: ModelRef, prompt: str, *, size: str | None) -> bytes:
        async with self._call(model):
            return await self._provider.draw(self._renamed(model).name, prompt, size=size)

    def close(self) -> None:
        self._provider.close()

    def _renamed(self, model: ModelRef) -> ModelRef:
        return ModelRef(model.provider, self.settings.rename.get(model.name, model.name))

    @asynccontextmanager
    async def _call(self, model: ModelRef) -> AsyncIterator["_Watch"]:
        """A call whose turn has come. Raises ModelFailed on entering when it does not for too
        long."""
        async with self._place(model):
            watch = _Watch()
            status: Literal["succeeded", "failed", "left"] = "succeeded"
            try:
                yield watch
            except (CancelledError, GeneratorExit):
                # A reply that is whole has been read, though nobody waited for nothing more.
                status = "left" if watch.usage is None else "succeeded"
                raise
            except BaseException:
                status = "failed"
                raise
            finally:
                self._told(ModelCall(model, status, watch.elapsed(), watch.usage))

    def _place(self, model: ModelRef) -> AbstractAsyncContextManager[None]:
        """Raises ModelFailed on entering when there is none for too long."""
        settings = self.settings
        if settings.concurrency is None:
            return nullcontext()
        places = self._places.get(model.name)
        if places is None:
            places = self._places[model.name] = Places(
                model.name,
                running=settings.concurrency,
                waiting=settings.queue,
                seconds=settings.queue_seconds,
            )
        return places.one()

    def _usage(
        self, model: ModelRef, tokens: Tokens, characters: tuple[int, int], watch: "_Watch"
    ) -> Usage:
        """What a call that is over used. Tokens that the provider did not count are guessed from
        the characters read and written, and have no price."""
        prompt, completion = (
            -(-length // _CHARACTERS_A_TOKEN) if counted is None else counted
            for counted, length in zip((tokens.prompt, tokens.completion), characters, strict=True)
        )
        usage = watch.usage = Usage(
            prompt,
            completion,
            latency=watch.elapsed(),
            time_to_first_token=watch.first,
            time_to_generate=None if watch.first is None else watch.elapsed() - watch.first,
        )
        price = self.settings.prices.get(model.name)
        if price is None:
            return usage
        return replace(
            usage,
            prompt_price=_cost(tokens.prompt, price.input * price.unit),
            completion_price=_cost(tokens.completion, price.output * price.unit),
            prompt_unit_price=price.input,
            completion_unit_price=price.output,
            price_unit=price.unit,
            currency=price.currency,
        )


class _Watch:
    """Seconds since a call was begun."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self.first: float | None = None
        """Until the first token."""
        self.usage: Usage | None = None
        """Known at the end."""

    def elapsed(self) -> float:
        return time.perf_counter() - self._begun

    def token(self) -> None:
        if self.first is None:
            self.first = self.elapsed()


def _with_stop_words(request: ChatRequest) -> ChatRequest:
    """The DSL keeps them among the parameters (`nodes §4`)."""
    match request.parameters.get("stop"):
        case str() as word if word:
            words: tuple[str, ...] = (word,)
        case list() as given:
            words = tuple(word for word in given if isinstance(word, str) and word)
        case _:
            words = ()
    others = {name: value for name, value in request.parameters.items() if name != "stop"}
    return replace(request, parameters=others, stop=request.stop + words)


def _cost(tokens: int | None, price: Decimal) -> Decimal | None:
    if tokens is None:
        return None
    return (tokens * price).quantize(_PRICE_PLACES, ROUND_HALF_UP)
