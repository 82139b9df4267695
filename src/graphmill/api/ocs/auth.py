"""Who calls (`nextcloud-ocs §3`): the header of a worker counts first, then a token, then a
password."""

import binascii
from base64 import b64decode
from collections.abc import Mapping

from graphmill.api.ocs.calls import Api, Caller
from graphmill.api.ocs.errors import PlainError, wrong_password
from graphmill.service.accounts import Login
from graphmill.service.secrets import fingerprint_of

TOO_MANY_FAILURES = "Too many wrong passwords. Wait some minutes."


async def identify(api: Api, headers: Mapping[bytes, bytes], address: str) -> Caller:
    """Raises OcsError for a wrong password, PlainError after too many of them; wrong headers of a
    worker and unknown tokens count as none."""
    if b"authorization-app-api" in headers and b"ex-app-id" in headers:
        return await _worker(api, headers, address)
    scheme, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    match scheme.lower():
        case "bearer":
            return await _with_token(api, value.strip(), address)
        case "basic":
            return await _with_password(api, value.strip(), headers, address)
        case _:
            return Caller(address)


async def _worker(api: Api, headers: Mapping[bytes, bytes], address: str) -> Caller:
    name = headers[b"ex-app-id"].decode("latin-1")
    version = headers.get(b"ex-app-version", b"").decode("latin-1")
    user_id, found, secret = _decoded(headers[b"authorization-app-api"].decode("latin-1"))
    key = _open_door(api, "worker", name, address)
    worker = await api.workers.log_in(name, version, secret) if found else None
    if worker is None:
        api.failures.take(key)
        return Caller(address)
    account = api.accounts.find(user_id)
    if user_id and account is None:
        return Caller(address)
    return Caller(address, account if worker.is_enabled else None, worker=worker)


async def _with_token(api: Api, token: str, address: str) -> Caller:
    key = _open_door(api, "token", "", address)
    login = await api.accounts.log_in_with_token(token)
    if login is None:
        api.failures.take(key)
        return Caller(address)
    return _person(login, address, has_token=True)


async def _with_password(
    api: Api, value: str, headers: Mapping[bytes, bytes], address: str
) -> Caller:
    name, _, password = _decoded(value)
    key = _open_door(api, "password", name, address)
    login = await api.accounts.log_in(name, password)
    if login is None:
        api.failures.take(key)
        # A browser would show its own dialogue over the page that asks.
        is_page = headers.get(b"x-requested-with", b"") == b"XMLHttpRequest"
        raise wrong_password("DummyBasic" if is_page else "Basic")
    return _person(login, address)


def _person(login: Login, address: str, *, has_token: bool = False) -> Caller:
    return Caller(address, login.account, login, has_token=has_token)


def _open_door(api: Api, kind: str, name: str, address: str) -> str:
    """What failures are counted by. Raises PlainError when there were too many."""
    key = failure_key(kind, name, address)
    if api.failures.wait(key):
        raise PlainError(429, TOO_MANY_FAILURES)
    return key


def failure_key(kind: str, name: str, address: str) -> str:
    """What failures are counted by: short, however long the name is that somebody made up."""
    return f"{kind} {fingerprint_of(name)} {address}"


def _decoded(value: str) -> tuple[str, str, str]:
    """`login:password` in base64, split at the colon; without one, nothing."""
    try:
        text = b64decode(value, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return "", "", ""
    return text.partition(":")
