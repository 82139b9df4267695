"""What clients ask before anything else (`nextcloud-ocs §5.1, §5.2, §5.3`)."""

from hashlib import sha256
from typing import Any, Final

from graphmill import __version__
from graphmill.api.ocs.calls import Api, Call
from graphmill.api.ocs.envelope import Reply
from graphmill.jsontext import encode

POLL_SECONDS: Final = 60
UNLIMITED: Final = -3
"""Nextcloud's number for a quota that is none."""


def status(api: Api) -> dict[str, Any]:
    """`/status.php`: is there a Nextcloud, and which?"""
    return {
        "installed": True,
        "maintenance": False,
        "needsDbUpgrade": False,
        "version": f"{api.ocs.version}.0",
        "versionstring": api.ocs.version,
        "edition": "",
        "productname": "graphmill",
        "extendedSupport": False,
    }


async def capabilities(call: Call) -> Reply:
    """All of them are for everybody."""
    data = _capabilities(call.api.ocs.version)
    tag = f'"{sha256(encode(data)).hexdigest()[:32]}"'
    headers = ((b"etag", tag.encode()),)
    if tag in call.header(b"if-none-match"):
        return Reply(None, 304, headers)
    return Reply(data, headers=headers)


def _capabilities(version: str) -> dict[str, Any]:
    major, minor, micro = (int(part) for part in version.split("."))
    return {
        "version": {
            "major": major,
            "minor": minor,
            "micro": micro,
            "string": version,
            "edition": "",
            "extendedSupport": False,
        },
        "capabilities": {
            "core": {
                "pollinterval": POLL_SECONDS,
                "webdav-root": "remote.php/webdav",
                "reference-api": False,
                "reference-regex": "",
                "mod-rewrite-working": True,
                "user": {"language": "en", "locale": "en", "timezone": "UTC"},
                "can-create-app-token": True,
            },
            "bruteforce": {"delay": 0, "allow-listed": False},
            "assistant": {"version": __version__, "enabled": True},
            # Workers do not register without it.
            "app_api": {"loglevel": 2, "version": "5.0.0"},
            "files": {
                "bigfilechunking": False,
                "undelete": False,
                "versioning": False,
                "comments": False,
            },
        },
    }


async def user(call: Call) -> Reply:
    account = call.caller.account
    assert account is not None, "the route needs a login"
    texts = (
        "phone", "address", "website", "twitter", "fediverse", "organisation", "role", "headline",
        "biography",
    )  # fmt: skip
    return Reply(
        {
            "id": account.id,
            "enabled": True,
            "displayname": account.display_name,
            "display-name": account.display_name,
            "email": account.email,
            "groups": ["admin"] if account.is_admin else [],
            "language": "en",
            "locale": "en",
            "lastLogin": 0,
            "backend": "graphmill",
            "subadmin": [],
            "quota": {
                "free": UNLIMITED,
                "used": 0,
                "total": UNLIMITED,
                "relative": 0,
                "quota": UNLIMITED,
            },
            "additional_mail": [],
            **dict.fromkeys(texts, ""),
        }
    )
