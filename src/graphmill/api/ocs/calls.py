"""A request as the endpoints see it: who calls, and with which parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Receive

from graphmill.api.ocs.envelope import Form
from graphmill.api.ocs.parameters import Parameters, integer_of
from graphmill.config import Settings
from graphmill.config.ocs import OcsSettings
from graphmill.service.accounts import Account, Accounts, Login
from graphmill.service.services import Services
from graphmill.service.tasks.tasks import Tasks
from graphmill.service.tasks.workers import Worker, Workers
from graphmill.service.windows import Window

FAILURES: Final = (10, 300.0)
"""Wrong passwords of one login from one address, and in how many seconds."""
_HIGHEST_ID: Final = 2**31 - 1

_PHONES: Final = ("Nextcloud-android", "Nextcloud-iOS")


@dataclass(frozen=True, slots=True)
class Api:
    services: Services
    limits: dict[str, Window] = field(default_factory=dict)
    """By the name of what is counted."""
    failures: Window = field(default_factory=lambda: Window(*FAILURES))

    @property
    def settings(self) -> Settings:
        return self.services.settings

    @property
    def ocs(self) -> OcsSettings:
        return self.services.settings.ocs

    @property
    def tasks(self) -> Tasks:
        return self.services.ocs.tasks

    @property
    def accounts(self) -> Accounts:
        return self.services.ocs.accounts

    @property
    def workers(self) -> Workers:
        return self.services.ocs.workers

    @property
    def base_url(self) -> str:
        """How clients reach this server."""
        return self.settings.server.base_url + self.ocs.base_path


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a person, a worker, a worker in the name of a person, or nobody."""

    address: str
    account: Account | None = None
    login: Login | None = None
    """How the person logged in; None for a worker in their name."""
    worker: Worker | None = None
    has_token: bool = False
    """Logged in with a token, which no browser sends by itself."""

    @property
    def user_id(self) -> str | None:
        return None if self.account is None else self.account.id

    @property
    def is_worker(self) -> bool:
        return self.worker is not None and self.worker.is_enabled

    @property
    def may_use_ai(self) -> bool:
        return self.account is None or self.account.may_use_ai


@dataclass(slots=True)
class Call:
    api: Api
    caller: Caller
    form: Form
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    """Parameters of the path."""
    parameters: Parameters
    receive: Receive

    def header(self, name: bytes) -> str:
        """The value of a header, by its lower-case name; empty when there is none."""
        return self.headers.get(name, b"").decode("latin-1")

    def number(self, name: str) -> int:
        """An id in the path; what is none is 0, which nothing has (`§1.1`)."""
        number = integer_of(self.path[name])
        return number if 0 < number <= _HIGHEST_ID else 0

    @property
    def is_phone(self) -> bool:
        agent = self.header(b"user-agent")
        return any(phone in agent for phone in _PHONES)
