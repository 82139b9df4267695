"""Finds a tool by what the workflow file says: config `tools` first, then what is built in."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from graphmill.dsl.problems import did_you_mean
from graphmill.dsl.tools import ToolProvider
from graphmill.errors import ToolNotFound
from graphmill.ports.tools import Tool, ToolRef

BUILT_IN: Final = ("audio", "time")
"""The providers that need no entry."""
ICON: Final = "/console/api/workspaces/current/tool-provider/builtin/{provider}/icon"
"""Where Dify's clients look for their pictures."""


class Provider(Protocol):
    """Some tools that come together."""

    async def tool(self, name: str) -> Tool:
        """Raises ToolNotFound, or ToolFailed when the provider does not answer."""
        ...

    def has(self, name: str) -> bool:
        """Is there such a tool, as far as that is known without asking?"""
        ...


@dataclass(frozen=True, slots=True)
class MappedProvider:
    """An entry of config `tools`."""

    pattern: str
    provider: Provider


@dataclass(frozen=True, slots=True)
class ToolSet:
    """`Provider`: tools that are all known from the start."""

    tools: Mapping[str, Tool]
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Tools that are not there, and what to do to have them, as a sentence."""

    async def tool(self, name: str) -> Tool:
        if name in self.lacking:
            raise ToolNotFound(self.lacking[name])
        try:
            return self.tools[name]
        except KeyError:
            raise unknown_tool(name, self.tools) from None

    def has(self, name: str) -> bool:
        return name in self.tools


class ConfiguredTools:
    """`ports.Toolbox`."""

    def __init__(
        self,
        mapped: Sequence[MappedProvider],
        built_in: Mapping[str, Provider],
        *,
        base_url: str,
    ) -> None:
        """The first entry of `mapped` that fits counts, then those of `built_in`, which go by the
        names of `BUILT_IN`. `base_url`: of this server."""
        own = (
            MappedProvider(pattern, provider)
            for name, provider in built_in.items()
            for pattern in patterns_of(name)
        )
        self._mapped = (*mapped, *own)
        self._built_in = built_in
        self._base_url = base_url

    async def find(self, ref: ToolRef) -> Tool:
        provider = self._provider(ref.provider)
        if provider is None:
            name = ref.provider.name or ref.provider.id
            raise ToolNotFound(f"there are no tools of {name!r}. {ref.provider.hint}")
        return await provider.tool(ref.name)

    def has(self, ref: ToolRef) -> bool:
        provider = self._provider(ref.provider)
        return provider is not None and provider.has(ref.name)

    def icon(self, provider: ToolProvider) -> str | None:
        found = self._provider(provider)
        own = (name for name, each in self._built_in.items() if each is found)
        return next((self._base_url + ICON.format(provider=name) for name in own), None)

    def _provider(self, named: ToolProvider) -> Provider | None:
        fitting = (each.provider for each in self._mapped if named.fits(each.pattern))
        return next(fitting, None)


def patterns_of(name: str) -> tuple[str, str]:
    """Of a provider that is built in, as Dify has called it over time."""
    return name, f"*/{name}"


def unknown_tool(name: str, known: Collection[str]) -> ToolNotFound:
    """There is a provider, but no tool of that name."""
    hint = did_you_mean(name, known) or f"It has {', '.join(sorted(known)) or 'none at all'}."
    return ToolNotFound(f"the provider has no tool {name!r}. {hint}")
