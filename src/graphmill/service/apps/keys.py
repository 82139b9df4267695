"""API keys that this server made itself, for apps whose configuration gives none: one an app, kept
in one file."""

import json
import os
import secrets
import string
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from graphmill.errors import ConfigInvalid

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 24


def kept_keys(path: Path, slugs: Iterable[str]) -> dict[str, str]:
    """A key for each of `slugs`: the one in `path`, or a new one, which is written there for good.

    The file is JSON, slug → key, readable by its owner only. Raises ConfigInvalid when it cannot be
    understood."""
    keys = _read(path) if path.exists() else {}
    missing = [slug for slug in slugs if slug not in keys]
    if missing:
        keys |= {slug: _new_key() for slug in missing}
        _write(path, keys)
    return {slug: keys[slug] for slug in slugs}


def fingerprint(key: str) -> bytes:
    """What a key is looked up by: how long the look-up takes says nothing about the key."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def _new_key() -> str:
    return "app-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _read(path: Path) -> dict[str, str]:
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise ConfigInvalid(
            f"{path} should hold the API keys that this server made, as a JSON object of texts. "
            "Mend it, or delete it to have new keys made."
        )
    return keys


def _write(path: Path, keys: dict[str, str]) -> None:
    """Whole or not at all."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(keys, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
