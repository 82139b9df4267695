"""Conversations and their variables. Those of one end user are seen by nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Select,
    bindparam,
    delete,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import UnaryExpression

from graphmill.jsontext import storable
from graphmill.storage.database import Database, Row
from graphmill.storage.end_users import EndUser
from graphmill.storage.packing import pack, unpack
from graphmill.storage.tables import (
    conversation_variables,
    conversations,
    message_feedbacks,
    message_files,
    messages,
)
from graphmill.variables.values import Value


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    name: str
    created_at: float
    updated_at: float
    """When its last turn began."""
    introduction: str
    """The opening statement."""
    inputs: dict[str, Value]
    """Of its first turn."""


@dataclass(frozen=True, slots=True)
class ConversationVariable:
    id: str
    name: str
    value_type: str
    description: str
    value: Value
    created_at: float
    updated_at: float


class Order(StrEnum):
    """Of a list of conversations; a minus is for newest first."""

    CREATED = "created_at"
    CREATED_DESCENDING = "-created_at"
    UPDATED = "updated_at"
    UPDATED_DESCENDING = "-updated_at"


_COLUMNS: Final = (
    conversations.c.id,
    conversations.c.name,
    conversations.c.created_at,
    conversations.c.updated_at,
    conversations.c.introduction,
    conversations.c.inputs,
)
_OF_USER: Final = select(*_COLUMNS).where(
    conversations.c.app_id == bindparam("app_id"),
    conversations.c.end_user_id == bindparam("end_user_id"),
)
_ONE: Final = _OF_USER.where(conversations.c.id == bindparam("id"))


def _page(order: Order, *, follows: bool) -> Select[Any]:
    """The conversations of a user, or those that follow one in `order`."""
    column = conversations.c[order.lstrip("-")]
    place: tuple[ColumnElement[Any], ...] = (column, conversations.c.id)
    descends = order.startswith("-")
    ordered: list[UnaryExpression[Any]] = [
        each.desc() if descends else each.asc() for each in place
    ]
    statement = _OF_USER.order_by(*ordered).limit(bindparam("count"))
    if not follows:
        return statement
    last = tuple_(bindparam("last_moment"), bindparam("last_id"))
    return statement.where(tuple_(*place) < last if descends else tuple_(*place) > last)


_PAGES: Final = {
    (order, follows): _page(order, follows=follows) for order in Order for follows in (False, True)
}
_RENAME: Final = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation_id"))
    .values(name=bindparam("name"))
)
DELETE_CONVERSATION: Final[tuple[ClauseElement, ...]] = (
    delete(message_files).where(
        message_files.c.message_id.in_(
            select(messages.c.id).where(messages.c.conversation_id == bindparam("conversation_id"))
        )
    ),
    delete(messages).where(messages.c.conversation_id == bindparam("conversation_id")),
    delete(message_feedbacks).where(
        message_feedbacks.c.conversation_id == bindparam("conversation_id")
    ),
    delete(conversation_variables).where(
        conversation_variables.c.conversation_id == bindparam("conversation_id")
    ),
    delete(conversations).where(conversations.c.id == bindparam("conversation_id")),
)
"""In this order: what is left of a half-deleted conversation can still be found."""
_VARIABLES: Final = (
    select(
        conversation_variables.c.id,
        conversation_variables.c.name,
        conversation_variables.c.value_type,
        conversation_variables.c.description,
        conversation_variables.c.value,
        conversation_variables.c.created_at,
        conversation_variables.c.updated_at,
    )
    .where(conversation_variables.c.conversation_id == bindparam("conversation_id"))
    .order_by(
        conversation_variables.c.created_at,
        conversation_variables.c.position,
        conversation_variables.c.id,
    )
)
_SET_VARIABLE: Final = (
    update(conversation_variables)
    .where(conversation_variables.c.id == bindparam("variable_id"))
    .values(value=bindparam("value"), updated_at=bindparam("updated_at"))
)


class ConversationStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user: EndUser, conversation_id: str) -> Conversation | None:
        """A conversation of `user`. Raises StoreError."""
        row = await self._database.fetch_one(_ONE, **_whose(user), id=conversation_id)
        return None if row is None else _conversation(row)

    async def page(
        self, user: EndUser, *, order: Order, after: Conversation | None, limit: int
    ) -> list[Conversation]:
        """The first `limit` conversations of `user`, or those that follow `after`."""
        parameters = _whose(user) | {"count": limit}
        if after is not None:
            moment = after.created_at if "created" in order else after.updated_at
            parameters |= {"last_moment": moment, "last_id": after.id}
        statement = _PAGES[order, after is not None]
        return [
            _conversation(row) for row in await self._database.fetch_all(statement, **parameters)
        ]

    async def rename(self, conversation_id: str, name: str) -> None:
        await self._database.write(_RENAME, conversation_id=conversation_id, name=storable(name))

    async def delete(self, conversation_id: str) -> None:
        """With its messages and variables."""
        await self._database.write_all(
            (statement, {"conversation_id": conversation_id}) for statement in DELETE_CONVERSATION
        )

    async def variables(self, conversation_id: str) -> Sequence[ConversationVariable]:
        """In the order in which they came to be."""
        rows = await self._database.fetch_all(_VARIABLES, conversation_id=conversation_id)
        return [_variable(row) for row in rows]

    async def set_variable(self, variable_id: str, value: Value, *, updated_at: float) -> None:
        await self._database.write(
            _SET_VARIABLE,
            variable_id=variable_id,
            value=pack(value).decode(),
            updated_at=updated_at,
        )


def _whose(user: EndUser) -> dict[str, object]:
    return {"app_id": user.app_id, "end_user_id": user.id}


def _conversation(row: Row) -> Conversation:
    conversation_id, name, created_at, updated_at, introduction, inputs = row
    return Conversation(
        conversation_id, name, created_at, updated_at, introduction, unpack(inputs.encode())
    )


def _variable(row: Row) -> ConversationVariable:
    variable_id, name, value_type, description, value, created_at, updated_at = row
    return ConversationVariable(
        variable_id,
        name,
        value_type,
        description,
        unpack(value.encode()),
        created_at,
        updated_at,
    )
