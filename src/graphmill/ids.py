"""Identifiers: random ones in batches, and those that follow from what they name.

A derived id is the same on every server: clients can keep it, and nobody has to look it up.
"""

import os
import time
from typing import Final
from uuid import UUID, uuid5

from graphmill.jsontext import storable

_BATCH: Final = 256
_VARIANTS: Final = "89ab" * 4
"""Last two bits of a random digit, as the variant digit of RFC 9562."""
_NAMESPACE: Final = UUID("8c4b6a5e-3c0f-5d5e-9a63-0f5d9d3b7c11")

OCS_APP_ID: Final = str(uuid5(_NAMESPACE, "ocs"))
"""In place of an app: where files belong that Nextcloud's clients upload."""

_stock: list[str] = []
if hasattr(os, "register_at_fork"):
    # A forked child must not hand out the ids of its parent.
    os.register_at_fork(after_in_child=_stock.clear)


def new_id() -> str:
    """A UUID of version 4, random but for its beginning, which tells when it was made.

    They are made in batches: one at a time costs four times as much."""
    while True:
        try:
            return _stock.pop()
        except IndexError:
            _stock.extend(_make_batch())


def app_id_of(slug: str) -> str:
    return str(uuid5(_NAMESPACE, f"app:{storable(slug)}"))


def workflow_id_of(app_id: str, text: str) -> str:
    """The id of a version: same app, same text, same id. Line endings do not count."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return str(uuid5(UUID(app_id), storable(lines)))


def end_user_id_of(app_id: str, user: str) -> str:
    """The id of the end user whom callers of an app name `user`."""
    return str(uuid5(UUID(app_id), f"service-api:{storable(user)}"))


def ocs_user_id_of(app_id: str, owner: str) -> str:
    """The same for whom a task of Nextcloud's API belongs to: nobody whom a caller may name."""
    return str(uuid5(UUID(app_id), f"ocs:{storable(owner)}"))


def log_id_of(run_id: str) -> str:
    """The id of a run's entry in the log, which is not the run's own (`service-api §16`)."""
    return str(uuid5(_NAMESPACE, f"log:{run_id}"))


def called_run_id_of(key: str, number: int) -> str:
    """The id of the run that is begun by the call of a tool, in its attempt of that number."""
    return str(uuid5(_NAMESPACE, f"call:{number}:{storable(key)}"))


def message_file_id_of(message_id: str, belongs_to: str, number: int) -> str:
    """The id of a file as a part of a message, which is not the file's own (`service-api §24`)."""
    return str(uuid5(UUID(message_id), f"{belongs_to}:{number}"))


def conversation_variable_id_of(conversation_id: str, name: str) -> str:
    return str(uuid5(UUID(conversation_id), storable(name)))


def _make_batch() -> list[str]:
    # Ids that begin with the time stand side by side in an index, where quite random ones would
    # touch a page each.
    at = f"{int(time.time() * 1000):012x}"
    head = f"{at[:8]}-{at[8:]}-4"
    digits = os.urandom(10 * _BATCH).hex()
    return [
        f"{head}{digits[i : i + 3]}-{_VARIANTS[int(digits[i + 3], 16)]}{digits[i + 4 : i + 7]}"
        f"-{digits[i + 7 : i + 19]}"
        for i in range(0, len(digits), 20)
    ]
