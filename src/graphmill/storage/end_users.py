"""End users: whom the callers of an app name in `user` (`service-api §4`)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from graphmill.ids import end_user_id_of
from graphmill.jsontext import storable
from graphmill.storage.database import Database
from graphmill.storage.tables import end_users

REMEMBERED: Final = 10_000
"""Users of whom this process knows that they are stored."""


@dataclass(frozen=True, slots=True)
class EndUser:
    id: str
    app_id: str
    session_id: str
    """What callers send as `user`."""
    created_at: float


_ADD = insert(end_users).on_conflict_do_nothing()
_GET = select(end_users).where(
    end_users.c.id == bindparam("id"), end_users.c.app_id == bindparam("app_id")
)


class EndUserStore:
    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time,
        remembered: int = REMEMBERED,
    ) -> None:
        self._database = database
        self._clock = clock
        self._remembered = remembered
        self._known: OrderedDict[tuple[str, str], EndUser] = OrderedDict()

    async def ensure(self, app_id: str, user: str) -> EndUser:
        """The end user of that name, stored now if they are new. Raises StoreError."""
        known = self._known.get((app_id, user))
        if known is not None:
            self._known.move_to_end((app_id, user))
            return known
        user_id = end_user_id_of(app_id, user)
        end_user = await self.get(app_id, user_id)
        if end_user is None:
            end_user = EndUser(user_id, app_id, storable(user), self._clock())
            await self._database.write(
                _ADD,
                id=user_id,
                app_id=app_id,
                session_id=end_user.session_id,
                created_at=end_user.created_at,
            )
        self._known[app_id, user] = end_user
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return end_user

    async def get(self, app_id: str, end_user_id: str) -> EndUser | None:
        row = await self._database.fetch_one(_GET, app_id=app_id, id=end_user_id)
        return None if row is None else EndUser(*row)
