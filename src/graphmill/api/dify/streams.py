"""The event streams of live runs: who reads what from where (`service-api §10, §21`)."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final
from weakref import WeakValueDictionary

from graphmill.api.dify.answers import run_header
from graphmill.api.dify.errors import ApiError, api_error
from graphmill.api.dify.events import Payload, RunFrames, error_payload
from graphmill.api.dify.turn_events import (
    audio_piece,
    message_ended,
    message_replaced,
    run_failed,
    teller,
    turn_envelope,
    turn_failed,
)
from graphmill.api.dify.wire import Wire
from graphmill.api.sse import PING, EventStream, frame
from graphmill.dsl.model import AppMode
from graphmill.engine.events import (
    Event,
    NodeFinished,
    NodePaused,
    NodeStarted,
    RunFinished,
    RunPaused,
    RunStarted,
    RunStatus,
    TextChunk,
)
from graphmill.engine.run import Run, Turn
from graphmill.errors import RunSuspended, StoreError
from graphmill.ports.runs import NumberedEvent
from graphmill.service.apps.catalog import App
from graphmill.service.apps.speech_features import SpeechFeatures
from graphmill.service.conversations import Conversations
from graphmill.service.runs.runs import LiveRun, Runs
from graphmill.service.speech.speech import Narration, Speech
from graphmill.storage.runs import RunRecord

AUDIO_BYTES: Final = 24 * 1024
"""Of one event. A multiple of 3: its Base64 needs no padding before the last piece."""

logger = logging.getLogger(__name__)


class Streams:
    """What is in a stream, in batches of whole frames."""

    __slots__ = ("_conversations", "_frames", "_runs", "_speech", "_wire")

    def __init__(
        self, runs: Runs, conversations: Conversations, speech: Speech, wire: Wire
    ) -> None:
        self._runs = runs
        self._conversations = conversations
        self._speech = speech
        self._wire = wire
        self._frames: WeakValueDictionary[str, RunFrames] = WeakValueDictionary()

    def answer(self, live: LiveRun, features: SpeechFeatures) -> EventStream:
        """All of a run for the caller who started it; spoken along when its app has that feature.
        Nothing is spoken for those who join later."""
        headers = run_header(live.run.id)
        if not features.speaks_along:
            return EventStream(self._whole(live), headers=headers)
        narration = self._speech.narration(features.voice)
        return EventStream(
            self._whole(live, narration), beside=self._audio(live.run, narration), headers=headers
        )

    async def _whole(
        self, live: LiveRun, narration: Narration | None = None
    ) -> AsyncGenerator[bytes, None]:
        """A run from its beginning. Nothing is told before it is stored, so a crash undoes nothing
        that was told.

        There is no ping at the opening, as Dify has none there: the first event follows within
        milliseconds."""
        frames = self._frames_of(live.run)
        last: Event | None = None
        try:
            await self._runs.committed(live)
            async for batch in self._runs.follow(live):
                last = batch[-1][1]
                if narration is not None:
                    narration.add(_text_in(batch))
                    if isinstance(batch[-1][1], RunFinished | RunPaused):
                        # Known clients leave with the end of the run (`§25`, choice 12).
                        batch, end = batch[:-1], batch[-1:]
                        if batch:
                            for piece in frames.pieces(batch):
                                yield piece
                        await narration.finish()
                        yield frame(self._wire.encode(audio_piece(live.run, b"")))
                        batch = end
                async for piece in self._told(live.run, frames, batch):
                    yield piece
            yield self._farewell(live.run, last)
        except StoreError as error:
            yield self._broken_off(live.run, error)

    async def rest(
        self, run: Run, *, now: int | None, snapshot: bool, stays: bool
    ) -> AsyncGenerator[bytes, None]:
        """A run behind sequence number `now`, its position when the caller asked, until it pauses,
        or with `stays` until it has ended. None: it is paused, and first it is told why. `snapshot`
        puts in front what has happened before, without its values.

        It may be a while until something happens, so a ping opens the stream (`§25`, choice 10)."""
        frames = self._frames_of(run)
        last: Event | None = None
        yield PING
        try:
            if snapshot or now is None:
                earlier = await self._runs.told(run, until=now)
                if snapshot:
                    yield frames.encode(filter(None, (_outline(event) for _, event in earlier)))
                if now is None and earlier:
                    now, last = earlier[-1]
                    yield frames.encode(_pause_in(earlier))
                del earlier
            async for batch in self._runs.follow_on(run, after=now or 0, stays=stays):
                last = batch[-1][1]
                async for piece in self._told(run, frames, batch):
                    yield piece
            yield self._farewell(run, last, stays=stays)
        except StoreError as error:
            yield self._broken_off(run, error)

    async def behind(self, run: Run, after: int, *, stays: bool) -> AsyncGenerator[bytes, None]:
        """All of a run behind sequence number `after`, in frames with numbers; `stays` as for
        `rest`.

        Nothing is told before it is stored: whoever has read up to a number can go on behind it
        after a crash. When the server stops, the stream ends where it is."""
        frames = self._frames_of(run)
        yield PING
        try:
            told = self._runs.follow_on(run, after=after, stays=stays, is_stored=True)
            async for batch in told:
                async for piece in self._told(run, frames, batch, after=after):
                    yield piece
        except StoreError as error:
            yield self._broken_off(run, error)

    async def past(self, app: App, record: RunRecord, *, after: int | None = None) -> EventStream:
        """All that is recorded of the events of a run. With `after`, those behind that sequence
        number, in frames with numbers. Raises ConversationNotFound or StoreError.

        It is read page by page, as the reader takes it."""
        turn = None
        if app.info.mode is AppMode.ADVANCED_CHAT:
            said = "".join([_text_in(page) async for page in self._runs.pages(record)])
            turn = await self._conversations.past_turn(record.id, said)
        recorded = self._recorded(record, _run_of(record, turn), after)
        return EventStream(recorded, headers=run_header(record.id))

    async def _recorded(
        self, record: RunRecord, run: Run, after: int | None
    ) -> AsyncGenerator[bytes, None]:
        frames = self._frames_of(run)
        try:
            async with aclosing(self._runs.pages(record)) as pages:
                async for page in pages:
                    async for piece in self._told(run, frames, page, after=after):
                        yield piece
        except StoreError as error:
            yield self._broken_off(run, error)

    async def _audio(self, run: Run, narration: Narration) -> AsyncGenerator[bytes, None]:
        """In pieces that no client finds too long for a line."""
        async with aclosing(narration.audio()) as pieces:
            async for audio in pieces:
                for start in range(0, len(audio), AUDIO_BYTES):
                    piece = audio[start : start + AUDIO_BYTES]
                    yield frame(self._wire.encode(audio_piece(run, piece)))

    def _frames_of(self, run: Run) -> RunFrames:
        """The frames of `run`, shared by all who read it now."""
        frames = self._frames.get(run.id)
        if frames is None:
            frames = self._frames[run.id] = RunFrames(teller(run), self._wire.encode)
        return frames

    async def _told(
        self, run: Run, frames: RunFrames, batch: list[NumberedEvent], *, after: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """`batch` as frames, taken out of it; behind the end of a turn follows what became of its
        message. With `after`, those behind that sequence number, with numbers: what follows an end
        is numbered on, so that it can be missed and found again like any event."""
        ending = _ending_in(batch)
        if after is not None:
            batch[:] = [entry for entry in batch if entry[0] > after]
        if batch:
            for piece in frames.pieces(batch, are_numbered=after is not None):
                yield piece
        for number, payload in await self._end_of_turn(run, ending):
            if after is None or number > after:
                yield frame(self._wire.encode(payload), None if after is None else number)

    async def _end_of_turn(
        self, run: Run, ending: tuple[int, RunStatus, str | None] | None
    ) -> list[tuple[int, Payload]]:
        """In the order that was recorded; newer versions of Dify tell the end of the run last."""
        turn = run.turn
        if turn is None or ending is None:
            return []
        number, status, error = ending
        envelope = turn_envelope(run, turn)
        if status is RunStatus.FAILED:
            return [(number + 1, turn_failed(envelope, run_failed(error)))]
        message = await self._conversations.answer_of(run.id)
        if message is None:
            return []
        ended = (number + 2, message_ended(envelope, message))
        if turn.moderation is not None and message.answer == turn.moderation.answer:
            return [(number + 1, message_replaced(envelope, message)), ended]
        return [ended]

    def _farewell(self, run: Run, last: Event | None, *, stays: bool = False) -> bytes:
        """What ends the stream of a run that this process will not bring to its end; its reader
        cannot know that by itself. `last` was told last."""
        if not self._runs.is_closing or isinstance(last, RunFinished):
            return b""
        if isinstance(last, RunPaused) and not stays:
            return b""
        return frame(self._wire.encode(error_payload(api_error(RunSuspended(run.id)), run)))

    def _broken_off(self, run: Run, fault: StoreError) -> bytes:
        logger.error("The stream of run %s breaks off: %s", run.id, fault.for_operator())
        error = ApiError(
            500, "internal_server_error", "Internal Server Error, please contact support."
        )
        return frame(self._wire.encode(error_payload(error, run)))


def _ending_in(batch: Sequence[NumberedEvent]) -> tuple[int, RunStatus, str | None] | None:
    """The number of the run's end, and how it ended."""
    number, last = batch[-1]
    return (number, last.status, last.error) if isinstance(last, RunFinished) else None


def _text_in(batch: Sequence[NumberedEvent]) -> str:
    return "".join([event.text for _, event in batch if isinstance(event, TextChunk)])


def _run_of(record: RunRecord, turn: Turn | None) -> Run:
    """As far as it shows in events."""
    return Run(
        id=record.id,
        task_id=record.task_id,
        app_id=record.app_id,
        workflow_id=record.workflow_id,
        version=record.version,
        sequence_number=record.sequence_number,
        end_user_id=record.end_user_id,
        user=record.session_id,
        inputs=record.inputs,
        created_at=record.created_at,
        turn=turn,
    )


def _pause_in(history: Sequence[NumberedEvent]) -> list[Event]:
    """What tells of the pause that `history` ends with, if it does: forms, and the pause itself."""
    last = history[-1][1]
    if not isinstance(last, RunPaused):
        return []
    forms = {
        event.reason["form_id"]: event for _, event in history if isinstance(event, NodePaused)
    }
    return [*(forms[reason["form_id"]] for reason in last.reasons), last]


def _outline(event: Event) -> Event | None:
    """What a snapshot shows of an event: that it happened, not with which values (`§21`)."""
    match event:
        case RunStarted() | NodeStarted():
            return event
        case NodeFinished():
            return replace(event, inputs={}, process_data={}, outputs={}, metadata=None)
        case _:
            return None
