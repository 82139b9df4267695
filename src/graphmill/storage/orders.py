"""Runs that go on, as they were ordered: what another process needs to go on with them.

A run that ends in its first commit is never here, so short runs cost nothing."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from graphmill.config.apps import LogLevel
from graphmill.dsl.model import VariableDefinition
from graphmill.engine.events import RunStatus
from graphmill.engine.run import Replacement, Run, Turn
from graphmill.storage.database import Database
from graphmill.storage.packing import pack, unpack
from graphmill.storage.tables import is_open, orders, runs

ADD_ORDER: Final = insert(orders).on_conflict_do_nothing()
DROP_ORDER: Final = delete(orders).where(orders.c.run_id == bindparam("run_id"))
_ORDER: Final = select(orders.c.run).where(orders.c.run_id == bindparam("run_id"))
_ORDERS: Final = (
    select(orders.c.run)
    .join(runs, runs.c.id == orders.c.run_id)
    .where(runs.c.status == RunStatus.RUNNING.value)
    .order_by(orders.c.created_at)
)
_DROP_STALE: Final = delete(orders).where(orders.c.run_id.not_in(select(runs.c.id).where(is_open)))


class OrderStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, run_id: str) -> Run | None:
        """How a run was ordered that has not ended. Raises StoreError."""
        row = await self._database.fetch_one(_ORDER, run_id=run_id)
        return None if row is None else _run(unpack(row[0]))

    async def running(self) -> list[Run]:
        """What an earlier process left running, oldest first; paused runs wait on."""
        # Statements of one commit have no order: a run that began and ended in it may be here.
        await self._database.write(_DROP_STALE)
        return [_run(unpack(packed)) for (packed,) in await self._database.fetch_all(_ORDERS)]


def row_of(run: Run) -> dict[str, Any]:
    """For `ADD_ORDER`."""
    members = _members(replace(run, request_key=None))
    if run.turn is not None:
        members["turn"] = _turn_members(run.turn)
    return {"run_id": run.id, "created_at": run.created_at, "run": pack(members)}


def _members(value: Run | Turn) -> dict[str, Any]:
    return {member.name: getattr(value, member.name) for member in fields(value)}


def _turn_members(turn: Turn) -> dict[str, Any]:
    variables = [
        [each.name, each.value_type, each.value, each.description] for each in turn.variables
    ]
    moderation = turn.moderation and [sorted(turn.moderation.words), turn.moderation.answer]
    return {**_members(turn), "variables": variables, "moderation": moderation}


def _run(members: Mapping[str, Any]) -> Run:
    turn = members["turn"]
    return Run(
        **{
            **members,
            "log_level": LogLevel(members["log_level"]),
            "turn": turn and _turn(turn),
        }
    )


def _turn(members: Mapping[str, Any]) -> Turn:
    variables = tuple(VariableDefinition(*variable) for variable in members["variables"])
    moderation = members["moderation"]
    if moderation is not None:
        words, answer = moderation
        moderation = Replacement(frozenset(words), answer)
    return Turn(**{**members, "variables": variables, "moderation": moderation})
