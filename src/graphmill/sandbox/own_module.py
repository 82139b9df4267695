"""A sandbox for a module of this program, one that handles what strangers sent."""

import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import graphmill
from graphmill.config.sandbox import SandboxSettings
from graphmill.errors import NoWall
from graphmill.ports.code import CodeResult
from graphmill.sandbox.fork_server import ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.walls import Isolation
from graphmill.variables.values import Value

_HERE: Final = Path(graphmill.__file__).parents[1]


class ModuleSandbox:
    """`ports.CodeRunner` for code that imports `module`, which is loaded before the walls go up.

    Nothing is started before the first call."""

    def __init__(
        self,
        settings: SandboxSettings,
        limits: CodeLimits,
        module: str,
        *,
        layers_off: Sequence[str] = (),
    ) -> None:
        """`layers_off` leaves out walls that this host has, to see what happens on one that has
        not."""
        required = Isolation.FULL if settings.require_isolation == "full" else Isolation.SECCOMP
        paths = sysconfig.get_paths()
        self._fork_server = ForkServer(
            limits,
            package_folders=tuple(dict.fromkeys((str(_HERE), paths["purelib"], paths["platlib"]))),
            packages=(module,),
            required=Isolation.NONE if settings.allow_unsandboxed else required,
            layers_off=layers_off,
        )

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        if sys.platform != "linux":
            raise NoWall(f"there are no walls on {sys.platform}")
        return await self._fork_server.run(language, source, inputs)

    async def close(self) -> None:
        await self._fork_server.close()
