"""People who log in as Nextcloud's clients do (`nextcloud-ocs §3.3, §3.4, §19.2`). They stand in
the configuration; app passwords are made by logging in, too."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from graphmill.config.ocs import UserSettings
from graphmill.service.secrets import SecretCheck, check_hash, fingerprint_of, new_app_password
from graphmill.storage.app_passwords import AppPasswordStore, StoredAppPassword

MAX_SECRET: Final = 1024
"""Characters; checking a longer one would only cost time."""


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    display_name: str
    email: str | None
    may_use_ai: bool
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Login:
    account: Account
    app_password: str | None
    """The hash of the app password that was used; None for the account's own."""


@dataclass(frozen=True, slots=True)
class _AppPassword:
    user_id: str
    name: str
    hash: str


class Accounts:
    """Call `open` before anything else."""

    def __init__(
        self,
        users: Sequence[UserSettings],
        store: AppPasswordStore,
        check: SecretCheck,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ConfigInvalid for something that is no hash."""
        self._store = store
        self._check = check
        self._clock = clock
        self._accounts = {user.id: _account(user) for user in users}
        self._ids = {login: user.id for user in users for login in (user.id, *user.login)}
        self._passwords = {
            user.id: check_hash(
                f"ocs.users: the password_hash of {user.id}", user.password_hash.get_secret_value()
            )
            for user in users
            if user.password_hash is not None
        }
        configured = [
            _AppPassword(
                user.id,
                each.name,
                check_hash(
                    f"ocs.users: the app password {each.name!r} of {user.id}",
                    each.hash.get_secret_value(),
                ),
            )
            for user in users
            for each in user.app_passwords
        ]
        self._app_passwords = {each.hash: each for each in configured}

    async def open(self) -> None:
        """Learn the app passwords that were made and revoked. Raises StoreError."""
        for stored in await self._store.all():
            if stored.revoked_at is not None:
                self._app_passwords.pop(stored.fingerprint, None)
            elif stored.user_id in self._accounts:
                self._app_passwords[stored.fingerprint] = _AppPassword(
                    stored.user_id, stored.name, stored.fingerprint
                )

    @property
    def ids(self) -> list[str]:
        return list(self._accounts)

    def find(self, user_id: str) -> Account | None:
        return self._accounts.get(user_id)

    async def log_in(self, login: str, secret: str) -> Login | None:
        """With the password of the account or one of its app passwords."""
        user_id = self._ids.get(login)
        if user_id is None or len(secret) > MAX_SECRET:
            return None
        app_password = await self._fitting(secret, user_id)
        if app_password is not None:
            return Login(self._accounts[user_id], app_password.hash)
        password = self._passwords.get(user_id)
        if password is not None and await self._check.fits(password, secret):
            return Login(self._accounts[user_id], None)
        return None

    async def log_in_with_token(self, token: str) -> Login | None:
        """With an app password alone."""
        if len(token) > MAX_SECRET:
            return None
        app_password = await self._fitting(token, None)
        if app_password is None:
            return None
        return Login(self._accounts[app_password.user_id], app_password.hash)

    async def make_app_password(self, account: Account, name: str) -> str:
        """A new one, in the clear for this once. Raises StoreError."""
        secret = new_app_password()
        made = _AppPassword(account.id, name, fingerprint_of(secret))
        await self._store.save(
            StoredAppPassword(made.hash, account.id, name, created_at=self._clock())
        )
        self._app_passwords[made.hash] = made
        return secret

    async def revoke(self, app_password: str) -> None:
        """From now on nobody gets in with the app password of that hash. Raises StoreError."""
        known = self._app_passwords.get(app_password)
        if known is not None:
            now = self._clock()
            revoked = StoredAppPassword(app_password, known.user_id, known.name, now)
            await self._store.save(replace(revoked, revoked_at=now))
            self._app_passwords.pop(app_password, None)

    async def _fitting(self, secret: str, user_id: str | None) -> _AppPassword | None:
        """The app password that `secret` is, of one user or of any."""
        known = self._app_passwords.get(fingerprint_of(secret))
        if known is not None:
            return known if user_id in (None, known.user_id) else None
        for each in list(self._app_passwords.values()):
            if user_id in (None, each.user_id) and await self._check.fits(each.hash, secret):
                return each
        return None


def _account(user: UserSettings) -> Account:
    return Account(
        user.id,
        user.display_name or user.id,
        next((login for login in user.login if "@" in login), None),
        may_use_ai=user.ai,
        is_admin=user.admin,
    )
