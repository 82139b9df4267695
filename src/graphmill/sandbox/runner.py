"""The code sandbox as the configuration wants it: each language goes to its backend."""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from graphmill.config.sandbox import SandboxSettings
from graphmill.errors import CodeUnavailable, NoWall
from graphmill.ports.code import CodeResult, CodeRunner, Load, Standing
from graphmill.ports.http import HttpClient, Timeouts
from graphmill.sandbox.fork_server import ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.packages import requested_modules
from graphmill.sandbox.remote import DifySandbox
from graphmill.sandbox.walls import Isolation, switched_off
from graphmill.variables.values import Value

if TYPE_CHECKING:
    from graphmill.sandbox.monty import Monty

_LANGUAGES: Final = ("python3", "javascript", "jinja2")


class Sandbox:
    """`ports.CodeSandbox`. Nothing is started before the first call."""

    def __init__(
        self,
        settings: SandboxSettings,
        http: HttpClient,
        *,
        packages_dir: Path,
        layers_off: Sequence[str] = (),
    ) -> None:
        """`http` must reach `settings.remote.endpoint`, if there is one. `layers_off` leaves out
        walls that this host has, to see what happens on one that has not."""
        self._own = _Own(settings, packages_dir, layers_off)
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
        self._python_is_remote = remote is not None and remote is self._runners["python3"]

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        return await self._runners[language].run(language, source, inputs)

    def standing(self) -> Standing:
        return Standing("ready", "remote") if self._python_is_remote else self._own.standing()

    def load(self) -> Load:
        """Of processes on this machine: calls of Monty and of a dify-sandbox are not among them."""
        return self._own.load()

    async def close(self) -> None:
        await self._own.close()


class _Own:
    """What this server runs by itself: the fork server, and Monty for Python where that has no
    wall."""

    def __init__(
        self, settings: SandboxSettings, packages_dir: Path, layers_off: Sequence[str]
    ) -> None:
        self._limits = _limits(settings)
        self._fork_server = (
            _fork_server(settings, self._limits, packages_dir, layers_off)
            if sys.platform == "linux"
            else None
        )
        self._python = settings.python.backend
        self._monty_allowed = self._python == "monty" or (
            # Whoever requires full isolation means the kernel's.
            self._python != "cpython" and settings.require_isolation != "full"
        )
        self._monty: Monty | None = None

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        if language == "python3" and self._runs_monty():
            return await self._open_monty().run(language, source, inputs)
        try:
            if self._fork_server is None:
                raise NoWall(self._refusal())
            return await self._fork_server.run(language, source, inputs)
        except NoWall as refused:
            if language == "python3" and self._runs_monty():
                return await self._open_monty().run(language, source, inputs)
            installing_helps = language == "python3" and self._monty_allowed
            raise CodeUnavailable(
                switched_off(language, refused.reason, monty=installing_helps)
            ) from None

    def standing(self) -> Standing:
        if self._runs_monty():
            return Standing("ready", "monty", "interpreter", (), self._refusal())
        if self._refusal():
            return Standing("off", "cpython", "none", (), self._refusal())
        layers = self._fork_server.layers if self._fork_server else None
        if layers is None:
            return Standing("not started", "cpython")
        return Standing(
            "ready", "cpython", layers.isolation.name.lower(), layers.names, layers.gaps
        )

    def load(self) -> Load:
        return Load() if self._fork_server is None else self._fork_server.load()

    async def close(self) -> None:
        if self._fork_server is not None:
            await self._fork_server.close()
        if self._monty is not None:
            await self._monty.close()

    def _refusal(self) -> str:
        if self._fork_server is None:
            return f"there are no walls on {sys.platform}"
        return self._fork_server.refusal

    def _runs_monty(self) -> bool:
        """Is it Monty's turn, by the configuration or because the fork server has no wall?"""
        if self._python == "monty":
            return True
        return bool(self._monty_allowed and self._refusal() and find_spec("pydantic_monty"))

    def _open_monty(self) -> "Monty":
        if self._monty is None:
            try:
                # Most servers never need it.
                from graphmill.sandbox.monty import Monty  # noqa: PLC0415
            except ImportError as error:
                raise CodeUnavailable(
                    "sandbox.python.backend is monty, but pydantic-monty is not installed: "
                    f"{error}. Install graphmill[monty]."
                ) from error
            self._monty = Monty(self._limits)
        return self._monty


def _limits(settings: SandboxSettings) -> CodeLimits:
    limits = settings.limits
    return CodeLimits(
        wall_seconds=limits.wall_seconds,
        cpu_seconds=limits.cpu_seconds,
        memory_bytes=limits.memory_mb << 20,
        running=limits.concurrency,
        waiting=limits.queue,
        queue_seconds=limits.queue_seconds,
    )


def _fork_server(
    settings: SandboxSettings, limits: CodeLimits, packages_dir: Path, layers_off: Sequence[str]
) -> ForkServer:
    required = Isolation.FULL if settings.require_isolation == "full" else Isolation.SECCOMP
    modules = dict.fromkeys([*requested_modules(packages_dir), *settings.python.preload])
    return ForkServer(
        limits,
        package_folders=(str(packages_dir.absolute()),),
        packages=tuple(modules),
        required=Isolation.NONE if settings.allow_unsandboxed else required,
        layers_off=layers_off,
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
