"""`sandbox`: where the code of workflows runs."""

from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, model_validator

from graphmill.config.section import FilePath, OptionalUrl, Section


class PythonSettings(Section):
    backend: Literal["auto", "cpython", "monty", "remote"] = "auto"
    """auto: the dify-sandbox if there is an endpoint, else the sandbox of this server, else
    pydantic-monty."""
    packages_dir: FilePath | None = None
    """What code may import besides the standard library (`Settings.packages_dir`)."""
    preload: tuple[str, ...] = ()
    """Modules of `packages_dir` that its packages do not load by themselves."""


class JavaScriptSettings(Section):
    backend: Literal["auto", "quickjs", "remote"] = "auto"


class RemoteTimeouts(Section):
    connect: PositiveFloat = 10
    read: PositiveFloat = 60
    write: PositiveFloat = 10


class RemoteSandboxSettings(Section):
    """A dify-sandbox service."""

    endpoint: OptionalUrl = None
    """CODE_EXECUTION_ENDPOINT when the file does not say."""
    api_key: SecretStr = SecretStr("dify-sandbox")
    """CODE_EXECUTION_API_KEY when the file does not say."""
    timeout_seconds: RemoteTimeouts = RemoteTimeouts()
    verify_tls: bool = True


class CodeLimitSettings(Section):
    """Of one call; the last three of all of them."""

    wall_seconds: PositiveFloat = 30
    cpu_seconds: PositiveInt = 10
    memory_mb: int = Field(256, ge=64)
    concurrency: PositiveInt = 16
    queue: NonNegativeInt = 1000
    queue_seconds: PositiveFloat = 10


class SandboxSettings(Section):
    python: PythonSettings = PythonSettings()
    javascript: JavaScriptSettings = JavaScriptSettings()
    remote: RemoteSandboxSettings = RemoteSandboxSettings()
    limits: CodeLimitSettings = CodeLimitSettings()
    require_isolation: Literal["seccomp", "full"] = "seccomp"
    allow_unsandboxed: bool = False

    @model_validator(mode="after")
    def _remote_needs_an_endpoint(self) -> Self:
        if "remote" in (self.python.backend, self.javascript.backend) and not self.remote.endpoint:
            raise ValueError("backend remote needs remote.endpoint")
        return self

    @model_validator(mode="after")
    def _monty_has_no_wall_of_the_kernel(self) -> Self:
        if self.python.backend == "monty" and self.require_isolation == "full":
            raise ValueError("require_isolation full is not possible with backend monty")
        return self

    @property
    def python_is_remote(self) -> bool:
        """Does Python go to the dify-sandbox?"""
        return self.remote.endpoint is not None and self.python.backend in ("auto", "remote")
