"""Workers: programs that fetch tasks and report results (`nextcloud-ocs §3.5, §12`), and what they
have registered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphmill.config.ocs import ExAppSettings
from graphmill.errors import InvalidParameter, ProviderNotFound
from graphmill.jsontext import decode, encode
from graphmill.service.secrets import SecretCheck, check_hash, fingerprint_of
from graphmill.service.tasks.registrations import Provider, read_provider
from graphmill.storage.ocs_providers import ProviderStore, StoredProvider


@dataclass(frozen=True, slots=True)
class Worker:
    id: str
    version: str
    url: str | None
    """Where it can be called, without a slash at its end."""
    is_enabled: bool


class Workers:
    """Call `open` before anything else."""

    def __init__(
        self, settings: Sequence[ExAppSettings], store: ProviderStore, check: SecretCheck
    ) -> None:
        """Raises ConfigInvalid for something that is no hash."""
        self._store = store
        self._check = check
        self._hashes = {each.id: _hash_of(each) for each in settings}
        self._secrets = {
            each.id: each.secret.get_secret_value() for each in settings if each.secret is not None
        }
        self._workers = {
            each.id: Worker(each.id, each.version, each.url and each.url.rstrip("/"), each.enabled)
            for each in settings
        }
        self._providers: dict[tuple[str, str], Provider] = {}
        self._unregistered: set[tuple[str, str]] = set()

    async def open(self) -> None:
        """Learn what was registered earlier. Raises StoreError."""
        for stored in await self._store.all():
            custom = stored.custom_task_type
            self._providers[stored.worker_id, stored.name] = read_provider(
                stored.worker_id,
                decode(stored.provider.encode()),
                None if custom is None else decode(custom.encode()),
            )

    @property
    def all(self) -> list[Worker]:
        return list(self._workers.values())

    def find(self, worker_id: str) -> Worker | None:
        return self._workers.get(worker_id)

    async def log_in(self, worker_id: str, version: str, secret: str) -> Worker | None:
        """The worker, also a disabled one, if the secret is its own. A newer version is noted."""
        worker = self._workers.get(worker_id)
        if worker is None or not version:
            return None
        if not await self._check.fits(self._hashes[worker_id], secret):
            return None
        self._secrets[worker_id] = secret
        if _numbers(version) > _numbers(worker.version):
            worker = self._workers[worker_id] = replace(worker, version=version)
        return worker

    def secret_of(self, worker: Worker) -> str | None:
        """In the clear; None until the configuration or the worker itself has told it."""
        return self._secrets.get(worker.id)

    async def register(self, worker: Worker, provider: Any, custom_type: Any) -> None:
        """Another one of that id is replaced. Raises InvalidParameter or StoreError."""
        try:
            read = read_provider(worker.id, provider, custom_type)
        except ValueError as error:
            raise InvalidParameter(f"This is no provider: {error}") from None
        await self._store.save(
            worker.id,
            read.id,
            encode(provider).decode(),
            None if custom_type is None else encode(custom_type).decode(),
        )
        self._providers[worker.id, read.id] = read
        self._unregistered.discard((worker.id, read.id))

    async def unregister(self, worker: Worker, name: str) -> None:
        """Raises ProviderNotFound or StoreError."""
        if (worker.id, name) not in self._providers:
            raise ProviderNotFound(f"The worker {worker.id} has no provider {name!r}.")
        await self._store.delete(worker.id, name)
        self._providers.pop((worker.id, name), None)
        self._unregistered.add((worker.id, name))

    def has_unregistered(self, worker_id: str, name: str) -> bool:
        """Did the worker take this provider back, since the server has started?"""
        return (worker_id, name) in self._unregistered

    async def record(self, worker: Worker, name: str) -> StoredProvider:
        """What it registered, as it sent it. Raises ProviderNotFound or StoreError."""
        for stored in await self._store.all():
            if (stored.worker_id, stored.name) == (worker.id, name):
                return stored
        raise ProviderNotFound(f"The worker {worker.id} has no provider {name!r}.")

    def providers(self) -> list[Provider]:
        """Those of enabled workers, in the order in which they came."""
        return [
            each
            for each in self._providers.values()
            if (worker := self._workers.get(each.worker_id)) is not None and worker.is_enabled
        ]


def _hash_of(settings: ExAppSettings) -> str:
    if settings.secret is not None:
        return fingerprint_of(settings.secret.get_secret_value())
    assert settings.secret_hash is not None, "the settings were validated"
    name = f"ocs.ex_apps: the secret_hash of {settings.id}"
    return check_hash(name, settings.secret_hash.get_secret_value())


def _numbers(version: str) -> list[int]:
    """For comparing: 1.10 is newer than 1.9."""
    parts = version.split("-")[0].split(".")
    return [int(part) if part.isdecimal() else 0 for part in parts]
