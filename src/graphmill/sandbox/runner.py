"""The code sandbox as the configuration wants it: each language goes to its backend."""

import sys
from collections.abc import Mapping
from typing import Final

from graphmill.config import SandboxSettings
from graphmill.errors import CodeUnavailable
from graphmill.ports.code import CodeResult, CodeRunner
from graphmill.ports.http import HttpClient, Timeouts
from graphmill.sandbox.fork_server import CodeLimits, ForkServer
from graphmill.sandbox.remote import DifySandbox
from graphmill.sandbox.walls import Isolation, Layers, no_wall
from graphmill.variables.values import Value

_LANGUAGES: Final = ("python3", "javascript", "jinja2")


class Sandbox:
    """`ports.CodeRunner`. Nothing is started before the first call."""

    def __init__(self, settings: SandboxSettings, http: HttpClient) -> None:
        """`http` must reach `settings.remote.endpoint`, if there is one."""
        self._own = _Absent() if sys.platform != "linux" else _fork_server(settings)
        remote = _dify_sandbox(settings, http)
        backends = {
            "python3": settings.python.backend,
            "javascript": settings.javascript.backend,
            "jinja2": settings.python.backend,
        }
        self._runners: dict[str, CodeRunner] = {
            language: remote if remote and backends[language] in ("auto", "remote") else self._own
            for language in _LANGUAGES
        }
        self.is_remote = remote is not None and remote is self._runners["python3"]

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        return await self._runners[language].run(language, source, inputs)

    async def start(self) -> Layers:
        """Start the own sandbox now. Raises CodeUnavailable when it cannot run code here."""
        return await self._own.start()

    async def close(self) -> None:
        await self._own.close()


class _Absent:
    """In place of a sandbox on systems that have no walls."""

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        raise CodeUnavailable(no_wall(f"there is no sandbox on {sys.platform}"))

    async def start(self) -> Layers:
        raise CodeUnavailable(no_wall(f"there is no sandbox on {sys.platform}"))

    async def close(self) -> None:
        """There is nothing to close."""


def _fork_server(settings: SandboxSettings) -> ForkServer:
    limits = settings.limits
    required = Isolation.FULL if settings.require_isolation == "full" else Isolation.SECCOMP
    folder = settings.python.packages_dir
    return ForkServer(
        CodeLimits(
            wall_seconds=limits.wall_seconds,
            cpu_seconds=limits.cpu_seconds,
            memory_bytes=limits.memory_mb << 20,
            running=limits.concurrency,
            waiting=limits.queue,
            queue_seconds=limits.queue_seconds,
        ),
        package_folders=() if folder is None else (str(folder.absolute()),),
        packages=settings.python.preload,
        required=Isolation.NONE if settings.allow_unsandboxed else required,
    )


def _dify_sandbox(settings: SandboxSettings, http: HttpClient) -> DifySandbox | None:
    remote = settings.remote
    if remote.endpoint is None:
        return None
    seconds = remote.timeout_seconds
    return DifySandbox(
        remote.endpoint,
        remote.api_key.get_secret_value(),
        http,
        remote.verify_tls,
        Timeouts(seconds.connect, seconds.read, seconds.write),
    )
