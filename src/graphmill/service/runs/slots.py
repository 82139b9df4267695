"""How much of something goes on at a time: ceilings for each app and for all together."""

import asyncio
from collections import Counter
from collections.abc import Mapping


class Slots:
    """0 is no ceiling. What is taken is to be freed."""

    __slots__ = ("_all", "_per_app", "_taken", "_total", "_waiting")

    def __init__(self, *, total: int = 0, per_app: int = 0) -> None:
        self._total = total
        self._per_app = per_app
        self._taken: Counter[str] = Counter()
        self._all = 0
        self._waiting: asyncio.Future[None] | None = None

    @property
    def taken(self) -> Mapping[str, int]:
        """By app."""
        return self._taken

    def take(self, app_id: str) -> int:
        """Take one for an app, and give 0; the ceiling, when it is reached."""
        if self._per_app and self._taken[app_id] >= self._per_app:
            return self._per_app
        if self._total and self._all >= self._total:
            return self._total
        self.occupy(app_id)
        return 0

    def occupy(self, app_id: str) -> None:
        """Take one, ceiling or not: for what goes on already."""
        self._taken[app_id] += 1
        self._all += 1

    def free(self, app_id: str) -> None:
        self._taken[app_id] -= 1
        self._all -= 1
        self.wake()

    def wake(self) -> None:
        """Have all who wait look again."""
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

    async def freed(self) -> None:
        """Wait until one is freed, or `wake`. Whoever waited tries to take it; one will."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._waiting)
