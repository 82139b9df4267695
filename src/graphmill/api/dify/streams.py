"""The event streams of live runs: who reads what from where (`service-api §10, §21`)."""

import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from graphmill.api.dify.errors import ApiError
from graphmill.api.dify.events import Payload, RunFrames, error_payload
from graphmill.api.dify.turn_events import (
    message_ended,
    message_replaced,
    run_failed,
    teller,
    turn_envelope,
    turn_failed,
)
from graphmill.api.dify.wire import Wire
from graphmill.api.sse import PING, frame
from graphmill.engine.events import (
    Event,
    NodeFinished,
    NodeStarted,
    RunFinished,
    RunStarted,
    RunStatus,
)
from graphmill.engine.run import Run, Turn
from graphmill.errors import StoreError
from graphmill.ports.runs import NumberedEvent
from graphmill.service.conversations import Conversations
from graphmill.service.runs import LiveRun, Runs

logger = logging.getLogger(__name__)


class Streams:
    """All methods yield batches of whole frames, for an `EventStream`."""

    __slots__ = ("_conversations", "_frames", "_runs", "_wire")

    def __init__(self, runs: Runs, conversations: Conversations, wire: Wire) -> None:
        self._runs = runs
        self._conversations = conversations
        self._wire = wire
        self._frames: WeakValueDictionary[str, RunFrames] = WeakValueDictionary()

    async def whole(self, live: LiveRun) -> AsyncGenerator[bytes, None]:
        """A run from its beginning. Nothing is told before it is stored, so a crash undoes nothing
        that was told.

        There is no ping at the opening, as Dify has none there: the first event follows within
        milliseconds."""
        frames = self._frames_of(live.run)
        try:
            await self._runs.committed(live)
            async for batch in self._runs.follow(live):
                yield await self._told(live.run, frames, batch)
        except StoreError as error:
            yield self._broken_off(live.run, error)

    async def rest(self, live: LiveRun, *, now: int, snapshot: bool) -> AsyncGenerator[bytes, None]:
        """A run behind sequence number `now`, its position when the caller asked; `snapshot` puts
        in front what has happened before, without its values.

        It may be a while until something happens, so a ping opens the stream (`§25`, choice 10)."""
        frames = self._frames_of(live.run)
        yield PING
        try:
            await self._runs.committed(live)
            async for batch in self._runs.follow(live, after=0 if snapshot else now):
                earlier = [event for number, event in batch if number <= now]
                if earlier:
                    yield frames.encode(filter(None, map(_outline, earlier)))
                if len(earlier) < len(batch):
                    yield await self._told(live.run, frames, batch[len(earlier) :])
        except StoreError as error:
            yield self._broken_off(live.run, error)

    def _frames_of(self, run: Run) -> RunFrames:
        """The frames of `run`, shared by all who read it now."""
        frames = self._frames.get(run.id)
        if frames is None:
            frames = self._frames[run.id] = RunFrames(teller(run), self._wire.encode)
        return frames

    async def _told(self, run: Run, frames: RunFrames, batch: Sequence[NumberedEvent]) -> bytes:
        """`batch` as frames; behind the end of a turn follows what became of its message."""
        told = frames.batch(batch)
        _, last = batch[-1]
        if run.turn is not None and isinstance(last, RunFinished):
            for payload in await self._end_of_turn(run, run.turn, last):
                told += frame(self._wire.encode(payload))
        return told

    async def _end_of_turn(self, run: Run, turn: Turn, finished: RunFinished) -> list[Payload]:
        """In the order that was recorded; newer versions of Dify tell the end of the run last."""
        envelope = turn_envelope(run, turn)
        if finished.status is RunStatus.FAILED:
            return [turn_failed(envelope, run_failed(finished.error))]
        message = await self._conversations.answer_of(run.id)
        if message is None:
            return []
        ended = message_ended(envelope, message)
        if turn.moderation is not None and message.answer == turn.moderation.answer:
            return [message_replaced(envelope, message), ended]
        return [ended]

    def _broken_off(self, run: Run, fault: StoreError) -> bytes:
        logger.error("The stream of run %s breaks off: %s", run.id, fault.for_operator())
        error = ApiError(
            500, "internal_server_error", "Internal Server Error, please contact support."
        )
        return frame(self._wire.encode(error_payload(error, run)))


def _outline(event: Event) -> Event | None:
    """What a snapshot shows of an event: that it happened, not with which values (`§21`)."""
    match event:
        case RunStarted() | NodeStarted():
            return event
        case NodeFinished():
            return replace(event, inputs={}, process_data={}, outputs={}, metadata=None)
        case _:
            return None
