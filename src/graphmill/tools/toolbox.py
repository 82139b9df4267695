"""Finds a tool by what the workflow file says: config `tools` first, then what is built in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from graphmill.dsl.problems import did_you_mean
from graphmill.dsl.tools import ToolProvider
from graphmill.errors import ToolNotFound
from graphmill.ports.tools import Tool, ToolRef
from graphmill.tools.clock import Clock, time_tools

TIME_PATTERNS: Final = ("time", "*/time")
"""The providers that are built in, as Dify has called them over time."""
TIME_ICON: Final = "/console/api/workspaces/current/tool-provider/builtin/time/icon"
"""Where Dify's clients look for the picture."""


class Provider(Protocol):
    """Some tools that come together."""

    async def tool(self, name: str) -> Tool:
        """Raises ToolNotFound, or ToolFailed when the provider does not answer."""
        ...


@dataclass(frozen=True, slots=True)
class MappedProvider:
    """An entry of config `tools`."""

    pattern: str
    provider: Provider


class ConfiguredTools:
    """`ports.Toolbox`."""

    def __init__(self, mapped: Sequence[MappedProvider], *, clock: Clock, base_url: str) -> None:
        """The first entry of `mapped` that fits counts. `base_url`: of this server."""
        built_in = BuiltIn(clock)
        self._mapped = (*mapped, *(MappedProvider(each, built_in) for each in TIME_PATTERNS))
        self._built_in = built_in
        self._base_url = base_url

    async def find(self, ref: ToolRef) -> Tool:
        provider = self._provider(ref.provider)
        if provider is None:
            name = ref.provider.name or ref.provider.id
            raise ToolNotFound(f"there are no tools of {name!r}. {ref.provider.hint}")
        return await provider.tool(ref.name)

    def icon(self, provider: ToolProvider) -> str | None:
        return self._base_url + TIME_ICON if self._provider(provider) is self._built_in else None

    def _provider(self, named: ToolProvider) -> Provider | None:
        fitting = (each.provider for each in self._mapped if named.fits(each.pattern))
        return next(fitting, None)


class BuiltIn:
    """The tools that this package has itself."""

    def __init__(self, clock: Clock) -> None:
        self._tools = time_tools(clock)

    async def tool(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
            raise unknown_tool(name, self._tools) from None


def unknown_tool(name: str, known: Collection[str]) -> ToolNotFound:
    """There is a provider, but no tool of that name."""
    hint = did_you_mean(name, known) or f"It has {', '.join(sorted(known)) or 'none at all'}."
    return ToolNotFound(f"the provider has no tool {name!r}. {hint}")
