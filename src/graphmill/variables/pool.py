"""Where the values of a run live: two levels, `namespace → name → value` (`workflow-dsl §14.1`).

A namespace is a node id, or `sys`, `env`, `conversation`. Values are plain; their types are
inferred when asked for.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from graphmill.variables.files import File
from graphmill.variables.selectors import Selector
from graphmill.variables.values import MISSING, Found, Value, type_of

NO_TYPES: Final[Mapping[Selector, str]] = MappingProxyType({})
_EMPTY: Final[Mapping[str, Value]] = MappingProxyType({})


class Pool:
    __slots__ = ("_namespaces", "_types", "secrets")

    def __init__(
        self,
        namespaces: dict[str, Mapping[str, Value]],
        *,
        secrets: frozenset[str] = frozenset(),
        types: Mapping[Selector, str] = NO_TYPES,
    ) -> None:
        """Take `namespaces` over; `secrets` names the variables of `env` that logs must mask.

        `types` are those that variables keep whatever they hold: a list of texts that is empty now
        is still a list of texts, a whole number that was divided is still called an integer."""
        self._namespaces = namespaces
        """The inner mappings are replaced and never changed, for children share them."""
        self._types = types
        self.secrets = secrets

    def find(self, selector: Selector) -> Found:
        """The value at `selector`, walking mappings and file attributes, but not into lists."""
        if len(selector) < 2:
            return MISSING
        names = self._namespaces.get(selector[0])
        if names is None:
            return MISSING
        found: Found = names.get(selector[1], MISSING)
        if len(selector) == 2 or found is MISSING:
            return found
        if isinstance(found, File):
            return found.attribute(selector[2])
        for key in selector[2:]:
            if not isinstance(found, dict):
                return MISSING
            found = found.get(key, MISSING)
        return found

    def type_at(self, selector: Selector, value: Value) -> str:
        """The type of the variable at `selector`, which holds `value`."""
        return self._types.get(selector) or type_of(value)

    def child(self) -> "Pool":
        """A pool with the same values. What is set in either of the two stays in it."""
        return Pool(dict(self._namespaces), secrets=self.secrets, types=self._types)

    def set(self, namespace: str, name: str, value: Value) -> None:
        self._namespaces[namespace] = {**self._namespaces.get(namespace, _EMPTY), name: value}

    def set_all(self, namespace: str, values: Mapping[str, Value]) -> None:
        """Store every output of a node; names it set before and does not set now stay."""
        self._namespaces[namespace] = {**self._namespaces.get(namespace, _EMPTY), **values}

    def adopt(self, namespace: str, other: "Pool") -> None:
        """Hold in `namespace` what `other` holds there."""
        if namespace in other._namespaces:
            self._namespaces[namespace] = other._namespaces[namespace]

    def forget(self, namespaces: Iterable[str]) -> None:
        for namespace in namespaces:
            self._namespaces.pop(namespace, None)

    def is_secret(self, selector: Selector | str) -> bool:
        return len(selector) == 2 and selector[0] == "env" and selector[1] in self.secrets

    def namespace(self, name: str) -> Mapping[str, Value]:
        return self._namespaces.get(name, _EMPTY)
