"""Secrets that are kept as hashes only: passwords of people, app passwords, secrets of workers."""

import asyncio
import hmac
import secrets
import string
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from time import monotonic
from typing import Final

from graphmill.errors import ConfigInvalid

REMEMBERED_SECONDS: Final = 300.0
"""How long a secret that fitted need not be checked again: argon2 is slow on purpose."""
REMEMBERED: Final = 10_000
AT_A_TIME: Final = 2
"""Slow checks; each takes a core and some memory for a while."""
APP_PASSWORD_LENGTH: Final = 72
_ALPHABET: Final = string.ascii_letters + string.digits
_PLAIN: Final = "sha256:"
_SLOW: Final = "$argon2"


def new_app_password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(APP_PASSWORD_LENGTH))


def fingerprint_of(secret: str) -> str:
    """A fast hash: enough for secrets that are random and long."""
    return _PLAIN + sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def hash_password(password: str) -> str:
    """A slow hash, for what people think of."""
    # Slow to import, and most servers never need it: keeps start-up fast.
    from argon2 import PasswordHasher  # noqa: PLC0415

    return PasswordHasher().hash(password)


def check_hash(name: str, text: str) -> str:
    """`text`, if it is one of the two kinds of hashes. Raises ConfigInvalid."""
    if text.startswith((_PLAIN, _SLOW)):
        return text
    raise ConfigInvalid(f"{name} is no hash; `graphmill user hash` makes one")


class SecretCheck:
    """Compares secrets with hashes; remembers for a while what fitted, never what did not."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._fitting: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def fits(self, secret_hash: str, secret: str) -> bool:
        fingerprint = fingerprint_of(secret)
        if secret_hash.startswith(_PLAIN):
            return hmac.compare_digest(secret_hash, fingerprint)
        key = (secret_hash, fingerprint)
        if self._fitting.get(key, 0.0) > self._clock():
            return True
        async with self._turns:
            is_fitting = await asyncio.to_thread(_verify, secret_hash, secret)
        if is_fitting:
            self._fitting[key] = self._clock() + REMEMBERED_SECONDS
            self._fitting.move_to_end(key)
            if len(self._fitting) > REMEMBERED:
                self._fitting.popitem(last=False)
        return is_fitting


def _verify(secret_hash: str, secret: str) -> bool:
    # Slow to import, and most servers never need it: keeps start-up fast.
    from argon2 import PasswordHasher  # noqa: PLC0415
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        return PasswordHasher().verify(secret_hash, secret)
    except (VerificationError, InvalidHashError):
        return False
