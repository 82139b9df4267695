"""Requests that callers send again under one key: together they start one run."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from graphmill.engine.run import RequestKey
from graphmill.errors import KeyReused
from graphmill.service.apps.catalog import App
from graphmill.service.runs.runs import LiveRun, Runs
from graphmill.storage.request_keys import RequestKeyStore
from graphmill.storage.runs import RunRecord

Other = TypeVar("Other")
"""What a request can be answered with that needs no run."""


class Repeats:
    """This process is the only one that starts runs, so it is the only one that uses keys."""

    def __init__(self, store: RequestKeyStore, runs: Runs) -> None:
        self._store = store
        self._runs = runs
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """Of the keys that are looked up now."""
        self._begun: WeakValueDictionary[tuple[str, str], LiveRun] = WeakValueDictionary()
        """The run of a key while it goes on, whether or not it could be stored."""

    async def once(
        self,
        app: App,
        key: RequestKey | None,
        start: Callable[[RequestKey | None], Awaitable[LiveRun | Other]],
    ) -> LiveRun | RunRecord | Other:
        """The run that `key` has started, or else what `start` does; that alone without a key.

        Raises KeyReused when another request had the key, StoreError, or what `start` raises; then
        the key is as good as unused."""
        if key is None:
            return await start(None)
        place = (app.id, key.text)
        async with self._locks.setdefault(place, asyncio.Lock()):
            live = self._begun.get(place)
            if live is not None:
                assert live.run.request_key is not None, "it was started with a key"
                _require_same(live.run.request_key.fingerprint, key.fingerprint)
                return live
            used = await self._store.find(app.id, key.text)
            if used is not None:
                _require_same(used.fingerprint, key.fingerprint)
                live = self._runs.find_live(app, used.run_id)
                return live if live is not None else await self._runs.get(app, used.run_id)
            begun = await start(key)
            if isinstance(begun, LiveRun):
                self._begun[place] = begun
            return begun


def _require_same(used: str, fingerprint: str) -> None:
    if used != fingerprint:
        raise KeyReused(
            "The Idempotency-Key was sent with another request before. Send the same body, or "
            "another key."
        )
