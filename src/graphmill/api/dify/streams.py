"""The event streams of live runs: who reads what from where (`service-api §10, §21`)."""

import logging
from collections.abc import AsyncGenerator
from dataclasses import replace
from weakref import WeakValueDictionary

from graphmill.api.dify.errors import ApiError
from graphmill.api.dify.events import RunFrames, error_payload
from graphmill.api.dify.wire import Wire
from graphmill.api.sse import PING, frame
from graphmill.engine.events import Event, NodeFinished, NodeStarted, RunStarted
from graphmill.engine.run import Run
from graphmill.errors import StoreError
from graphmill.service.runs import LiveRun, Runs

logger = logging.getLogger(__name__)


class Streams:
    """All methods yield batches of whole frames, for an `EventStream`."""

    __slots__ = ("_frames", "_runs", "_wire")

    def __init__(self, runs: Runs, wire: Wire) -> None:
        self._runs = runs
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
                yield frames.batch(batch)
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
                    yield frames.batch(batch[len(earlier) :])
        except StoreError as error:
            yield self._broken_off(live.run, error)

    def _frames_of(self, run: Run) -> RunFrames:
        """The frames of `run`, shared by all who read it now."""
        frames = self._frames.get(run.id)
        if frames is None:
            frames = self._frames[run.id] = RunFrames(run, self._wire.encode)
        return frames

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
