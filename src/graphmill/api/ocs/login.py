"""App passwords: made by logging in with a browser, traded for the password, taken back
(`nextcloud-ocs §5.4`)."""

import secrets
from dataclasses import dataclass
from html import escape
from time import monotonic
from typing import Final

from graphmill.api.answers import BytesAnswer
from graphmill.api.ocs.auth import TOO_MANY_FAILURES, failure_key
from graphmill.api.ocs.calls import Api, Call
from graphmill.api.ocs.envelope import JSON, Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.pages import html_page
from graphmill.jsontext import encode
from graphmill.service.windows import Window

LIFETIME_SECONDS: Final = 1200.0
FLOWS: Final = 1000
"""That may be open at a time."""
FLOWS_OF_AN_ADDRESS: Final = 50
"""That may be begun from one in their lifetime."""
DEVICE_CHARACTERS: Final = 120

_FORM: Final = """<h1>Connect a device</h1>
<p><b>{device}</b> wants to use this server in your name. Log in only if you have just begun this
on a device of yours.</p>{notice}
<form method="post"><label>User <input name="user" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required>
</label><button>Log in and grant access</button></form>"""


@dataclass(slots=True)
class _Flow:
    device: str
    page: str
    """Names the page that a person opens."""
    expires_at: float
    granted: tuple[str, str] | None = None
    """Login and app password."""


class LoginFlows:
    """Logins that were begun on a device and are to be finished in a browser."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._flows: dict[str, _Flow] = {}
        self._begun = Window(FLOWS_OF_AN_ADDRESS, LIFETIME_SECONDS)

    def begin(self, user_agent: str, address: str) -> BytesAnswer:
        self._forget()
        if len(self._flows) >= FLOWS or self._begun.take(address):
            return _json({"message": "Too many logins are under way. Try again later."}, 429)
        token, page = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        device = user_agent[:DEVICE_CHARACTERS] or "A program"
        self._flows[token] = _Flow(device, page, monotonic() + LIFETIME_SECONDS)
        base = self._api.base_url
        poll = {"token": token, "endpoint": f"{base}/login/v2/poll"}
        return _json({"poll": poll, "login": f"{base}/login/v2/flow/{page}"})

    def poll(self, token: str) -> BytesAnswer:
        """The new app password, once."""
        self._forget()
        flow = self._flows.get(token)
        if flow is None or flow.granted is None:
            return _json([], 404)
        del self._flows[token]
        login, password = flow.granted
        return _json({"server": self._api.base_url, "loginName": login, "appPassword": password})

    def show(self, page: str) -> BytesAnswer:
        flow = self._find(page)
        if flow is None:
            return _expired()
        return _html(_FORM.format(device=escape(flow.device), notice=""))

    async def grant(self, page: str, name: str, password: str, address: str) -> BytesAnswer:
        flow = self._find(page)
        if flow is None:
            return _expired()
        failures, key = self._api.failures, failure_key("password", name, address)
        if failures.wait(key):
            return _html(f"<p>{TOO_MANY_FAILURES}</p>", 429)
        login = await self._api.accounts.log_in(name, password)
        if login is None:
            failures.take(key)
            notice = "<p><b>User or password is wrong.</b></p>"
            return _html(_FORM.format(device=escape(flow.device), notice=notice), 403)
        secret = await self._api.accounts.make_app_password(login.account, flow.device)
        flow.granted = (login.account.id, secret)
        flow.page = ""
        return _html("<p>Access is granted. You can close this page.</p>")

    def _find(self, page: str) -> _Flow | None:
        self._forget()
        return next((flow for flow in self._flows.values() if page and flow.page == page), None)

    def _forget(self) -> None:
        now = monotonic()
        expired = [token for token, flow in self._flows.items() if flow.expires_at < now]
        for token in expired:
            del self._flows[token]


async def make_app_password(call: Call) -> Reply:
    """For who logged in with the password of the account."""
    login = call.caller.login
    if login is None or login.app_password is not None:
        raise refused(403, "You cannot request an new apppassword with an apppassword")
    device = call.header(b"user-agent")[:DEVICE_CHARACTERS]
    secret = await call.api.accounts.make_app_password(login.account, device)
    return Reply({"apppassword": secret})


async def revoke_app_password(call: Call) -> Reply:
    """The one that this call was made with."""
    login = call.caller.login
    if login is None or login.app_password is None:
        raise refused(403, "no app password in use")
    await call.api.accounts.revoke(login.app_password)
    return Reply([])


def _json(content: object, status: int = 200) -> BytesAnswer:
    return BytesAnswer(encode(content), status=status, headers=((b"content-type", JSON),))


def _html(body: str, status: int = 200) -> BytesAnswer:
    return html_page("Connect a device", body, status=status)


def _expired() -> BytesAnswer:
    return _html("<p>This link is not valid any more. Begin again on your device.</p>", 404)
