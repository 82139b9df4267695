"""Messages: the turns of conversations, their files, and what end users think of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import time
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from graphmill.engine.events import RunFinished, RunStarted, RunStatus, TextChunk
from graphmill.engine.run import Run, Turn
from graphmill.ids import new_id
from graphmill.jsontext import storable
from graphmill.ports.conversations import PastTurn
from graphmill.storage.database import Database, Row
from graphmill.storage.end_users import EndUser
from graphmill.storage.packing import unpack
from graphmill.storage.tables import (
    is_open,
    message_feedbacks,
    message_files,
    messages,
    messages_in_progress,
    runs,
)
from graphmill.storage.turns import FROM_APP, FROM_USER, TurnRecorder
from graphmill.variables.files import File
from graphmill.variables.values import Value

_IMAGE_LINK: Final = re.compile(r"!\[.*?\]\(.*?\)")


@dataclass(frozen=True, slots=True)
class MessageFile:
    id: str
    message_id: str
    belongs_to: str
    file: File


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    conversation_id: str
    run_id: str
    created_at: float
    finished_at: float | None
    error: str | None
    rating: str | None
    """What the end user thinks of it."""
    metadata: dict[str, Value]
    """Usage and retriever resources, as clients see them; empty until the turn is over."""
    inputs: dict[str, Value]
    query: str
    answer: str
    """All that was said."""
    is_paused: bool
    """Does its run wait for a person?"""
    files: tuple[MessageFile, ...] = ()

    @property
    def answer_beside_files(self) -> str:
        """The answer as it stands where its files are shown as well: without links to images."""
        if any(each.belongs_to == FROM_APP for each in self.files):
            return _IMAGE_LINK.sub("", self.answer).strip()
        return self.answer


@dataclass(frozen=True, slots=True)
class Feedback:
    id: str
    app_id: str
    conversation_id: str
    message_id: str
    end_user_id: str
    rating: str
    content: str | None
    created_at: float
    updated_at: float


_MESSAGE: Final = select(
    messages.c.id,
    messages.c.conversation_id,
    messages.c.run_id,
    messages.c.created_at,
    messages.c.finished_at,
    messages.c.error,
    message_feedbacks.c.rating,
    messages.c.metadata,
    messages.c.inputs,
    messages.c.query,
    messages.c.answer,
    runs.c.status == RunStatus.PAUSED.value,
).select_from(
    messages.outerjoin(
        message_feedbacks, message_feedbacks.c.message_id == messages.c.id
    ).outerjoin(runs, runs.c.id == messages.c.run_id)
)
_BY_ID: Final = _MESSAGE.where(
    messages.c.id == bindparam("id"),
    messages.c.app_id == bindparam("app_id"),
    messages.c.end_user_id == bindparam("end_user_id"),
)
_IN_CONVERSATION: Final = _MESSAGE.where(
    messages.c.id == bindparam("id"), messages.c.conversation_id == bindparam("conversation_id")
)
_BY_RUN: Final = _MESSAGE.where(messages.c.run_id == bindparam("run_id"))
_OF_CONVERSATION: Final = messages.c.conversation_id == bindparam("conversation_id")
_NEWEST: Final = (
    _MESSAGE.where(_OF_CONVERSATION)
    .order_by(messages.c.created_at.desc(), messages.c.id.desc())
    .limit(bindparam("count"))
)
_FIRST: Final = (
    _MESSAGE.where(_OF_CONVERSATION).order_by(messages.c.created_at, messages.c.id).limit(1)
)
_BEFORE: Final = _NEWEST.where(
    tuple_(messages.c.created_at, messages.c.id)
    < tuple_(bindparam("moment"), bindparam("first_id"))
)
_ANSWERED: Final = _NEWEST.where(
    messages.c.id != bindparam("message_id"), ~messages_in_progress, messages.c.answer != ""
)
_COUNT: Final = select(func.count()).select_from(messages).where(_OF_CONVERSATION)


def _files(*conditions: Any) -> Select[Any]:
    return (
        select(
            message_files.c.id,
            message_files.c.message_id,
            message_files.c.belongs_to,
            message_files.c.file,
        )
        .select_from(message_files.join(messages, messages.c.id == message_files.c.message_id))
        .where(*conditions)
        .order_by(message_files.c.message_id, message_files.c.belongs_to, message_files.c.position)
    )


_FILES_OF_MESSAGE: Final = _files(messages.c.id == bindparam("id"))
_FILES_OF_PAGE: Final = _files(
    _OF_CONVERSATION,
    messages.c.created_at >= bindparam("first"),
    messages.c.created_at <= bindparam("last"),
)
_APPS_USING: Final = (
    select(message_files.c.app_id)
    .where(message_files.c.upload_id == bindparam("upload_id"))
    .distinct()
)

_ADD_FEEDBACK = insert(message_feedbacks)
_RATE: Final = _ADD_FEEDBACK.on_conflict_do_update(
    index_elements=["message_id"],
    set_={name: _ADD_FEEDBACK.excluded[name] for name in ("rating", "content", "updated_at")},
)
_REVOKE: Final = delete(message_feedbacks).where(
    message_feedbacks.c.message_id == bindparam("message_id")
)
_FEEDBACKS: Final = (
    select(
        message_feedbacks.c.id,
        message_feedbacks.c.app_id,
        message_feedbacks.c.conversation_id,
        message_feedbacks.c.message_id,
        message_feedbacks.c.end_user_id,
        message_feedbacks.c.rating,
        message_feedbacks.c.content,
        message_feedbacks.c.created_at,
        message_feedbacks.c.updated_at,
    )
    .where(message_feedbacks.c.app_id == bindparam("app_id"))
    .order_by(message_feedbacks.c.created_at.desc())
    .limit(bindparam("count"))
    .offset(bindparam("offset"))
)
_END_ABANDONED: Final = (
    update(messages)
    .where(messages_in_progress, messages.c.run_id.not_in(select(runs.c.id).where(is_open)))
    .values(
        error=select(runs.c.error).where(runs.c.id == messages.c.run_id).scalar_subquery(),
        finished_at=bindparam("now"),
    )
)


class MessageStore:
    """`ports.Conversations`, among other things."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._clock = clock

    async def find(self, user: EndUser, message_id: str) -> Message | None:
        """A message of `user`, with its files. Raises StoreError."""
        row = await self._database.fetch_one(
            _BY_ID, id=message_id, app_id=user.app_id, end_user_id=user.id
        )
        return await self._with_files(row)

    async def find_in(self, conversation_id: str, message_id: str) -> Message | None:
        """A message of that conversation."""
        row = await self._database.fetch_one(
            _IN_CONVERSATION, id=message_id, conversation_id=conversation_id
        )
        return await self._with_files(row)

    async def first(self, conversation_id: str) -> Message | None:
        row = await self._database.fetch_one(_FIRST, conversation_id=conversation_id)
        return await self._with_files(row)

    async def find_by_run(self, run_id: str) -> Message | None:
        """The message that a run answered, whosoever it is."""
        return await self._with_files(await self._database.fetch_one(_BY_RUN, run_id=run_id))

    async def page(
        self, conversation_id: str, *, before: Message | None, limit: int
    ) -> list[Message]:
        """The newest `limit` messages, or those before `before`; the oldest of them first."""
        if before is None:
            rows = await self._database.fetch_all(
                _NEWEST, conversation_id=conversation_id, count=limit
            )
        else:
            rows = await self._database.fetch_all(
                _BEFORE,
                conversation_id=conversation_id,
                count=limit,
                moment=before.created_at,
                first_id=before.id,
            )
        return await self._in_order(conversation_id, rows)

    async def count(self, conversation_id: str) -> int:
        [(count,)] = await self._database.fetch_all(_COUNT, conversation_id=conversation_id)
        return int(count)

    async def turns(self, run: Run, *, limit: int) -> Sequence[PastTurn]:
        if run.turn is None:
            return ()
        conversation_id = run.turn.conversation_id
        rows = await self._database.fetch_all(
            _ANSWERED,
            conversation_id=conversation_id,
            message_id=run.turn.message_id,
            count=limit,
        )
        return [
            PastTurn(
                message.query,
                message.answer_beside_files,
                tuple(each.file for each in message.files if each.belongs_to == FROM_USER),
            )
            for message in await self._in_order(conversation_id, rows)
        ]

    async def apps_using(self, upload_id: str) -> frozenset[str]:
        """The apps in whose messages a stored file occurs."""
        rows = await self._database.fetch_all(_APPS_USING, upload_id=upload_id)
        return frozenset(app_id for (app_id,) in rows)

    async def add_answered(self, run: Run, turn: Turn, answer: str) -> None:
        """A turn that was answered without a run; `run` says who asked for what."""
        at = run.created_at
        finished = RunFinished(RunStatus.SUCCEEDED, {}, None, 0.0, 0, 0, 0, at)
        events = (RunStarted({}, at), TextChunk((), answer), finished)
        await self._database.write_all(TurnRecorder(run, turn).changes(list(enumerate(events))))

    async def rate(self, user: EndUser, message: Message, rating: str, content: str | None) -> None:
        """The end user's opinion, in place of the one before."""
        now = self._clock()
        await self._database.write(
            _RATE,
            message_id=message.id,
            id=new_id(),
            app_id=user.app_id,
            conversation_id=message.conversation_id,
            end_user_id=user.id,
            rating=rating,
            content=None if content is None else storable(content),
            created_at=now,
            updated_at=now,
        )

    async def revoke_rating(self, message: Message) -> None:
        await self._database.write(_REVOKE, message_id=message.id)

    async def feedbacks(self, app_id: str, *, page: int, limit: int) -> list[Feedback]:
        """Of all end users, newest first; pages count from 1."""
        rows = await self._database.fetch_all(
            _FEEDBACKS, app_id=app_id, count=limit, offset=(page - 1) * limit
        )
        return [Feedback(*row) for row in rows]

    async def end_abandoned(self) -> None:
        """End the messages whose runs have ended without them, for the same reason."""
        await self._database.write(_END_ABANDONED, now=self._clock())

    async def _with_files(self, row: Row | None) -> Message | None:
        if row is None:
            return None
        files = await self._database.fetch_all(_FILES_OF_MESSAGE, id=row[0])
        return _message(row, [_file(each) for each in files])

    async def _in_order(self, conversation_id: str, rows: Sequence[Row]) -> list[Message]:
        """`rows`, which are newest first, as messages with their files."""
        if not rows:
            return []
        last, first = rows[0][3], rows[-1][3]
        files = [
            _file(row)
            for row in await self._database.fetch_all(
                _FILES_OF_PAGE, conversation_id=conversation_id, first=first, last=last
            )
        ]
        return [_message(row, files) for row in reversed(rows)]


def _file(row: Row) -> MessageFile:
    file_id, message_id, belongs_to, file = row
    return MessageFile(file_id, message_id, belongs_to, unpack(file.encode()))


def _message(row: Row, files: Sequence[MessageFile]) -> Message:
    """`files` are its own, and perhaps those of other messages."""
    *others, metadata, inputs, query, answer, is_paused = row
    texts = (unpack(metadata.encode()), unpack(inputs.encode()), query, answer)
    own = tuple(file for file in files if file.message_id == row[0])
    return Message(*(*others, *texts, bool(is_paused), own))
