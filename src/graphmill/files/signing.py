"""Links to stored files that need no API key: signed, good for minutes (`service-api §17.4`)."""

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from graphmill.errors import SignatureInvalid

LIFETIME_SECONDS: Final = 300
FUTURE_SECONDS: Final = 60
"""How far ahead of ours the clock of another signer may be."""
_KEY_BYTES: Final = 32


class UrlSigner:
    """Signs and checks links. A link names the kind of file, its id, a time and a nonce."""

    def __init__(
        self,
        key: bytes,
        public_url: str,
        *,
        lifetime_seconds: float = LIFETIME_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`public_url` is what clients reach this server by, without a slash at its end."""
        self._key = key
        self._public_url = public_url.rstrip("/")
        self._lifetime = lifetime_seconds
        self._clock = clock

    def sign(self, kind: str, file_id: str, *, suffix: str = "") -> str:
        """A link that works from now on.

        `kind` is file-preview, image-preview or tools; `suffix` is an extension that only decorates
        links to generated files."""
        timestamp, nonce = str(int(self._clock())), secrets.token_hex(16)
        path = f"tools/{file_id}{suffix}" if kind == "tools" else f"{file_id}/{kind}"
        signature = self._signature(kind, file_id, timestamp, nonce)
        return (
            f"{self._public_url}/files/{path}?timestamp={timestamp}&nonce={nonce}&sign={signature}"
        )

    def verify(
        self, kind: str, file_id: str, *, timestamp: str, nonce: str, signature: str
    ) -> None:
        """Raises SignatureInvalid for a link that is forged or too old."""
        expected = self._signature(kind, file_id, timestamp, nonce)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise SignatureInvalid("The signature of the link is wrong.")
        # The timestamp is signed, so it is one of ours and a number.
        age = self._clock() - int(timestamp)
        if not -FUTURE_SECONDS <= age <= self._lifetime:
            raise SignatureInvalid("The link has expired.")

    def _signature(self, kind: str, file_id: str, timestamp: str, nonce: str) -> str:
        message = f"{kind}|{file_id}|{timestamp}|{nonce}".encode("utf-8", "replace")
        digest = hmac.new(self._key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode()


def load_key(path: Path) -> bytes:
    """The signing key kept in `path`, which only this user may read; made when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    try:
        # Whoever comes first wins; a server started at the same moment reads the same key.
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
    return path.read_bytes()
