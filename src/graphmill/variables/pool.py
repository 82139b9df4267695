"""Where the values of a run live: two levels, `namespace → name → value` (`workflow-dsl §14.1`).

A namespace is a node id, or `sys`, `env`, `conversation`. Values are plain; their types are
inferred when asked for.
"""

from collections.abc import Mapping

from graphmill.variables.files import File
from graphmill.variables.selectors import Selector
from graphmill.variables.values import MISSING, Found, Value


class Pool:
    __slots__ = ("_namespaces", "secrets")

    def __init__(
        self, namespaces: dict[str, dict[str, Value]], *, secrets: frozenset[str] = frozenset()
    ) -> None:
        """Take `namespaces` over; `secrets` names the variables of `env` that logs must mask."""
        self._namespaces = namespaces
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

    def set(self, namespace: str, name: str, value: Value) -> None:
        names = self._namespaces.get(namespace)
        if names is None:
            self._namespaces[namespace] = {name: value}
        else:
            names[name] = value

    def set_all(self, namespace: str, values: Mapping[str, Value]) -> None:
        """Store every output of a node; names it set before and does not set now stay."""
        names = self._namespaces.get(namespace)
        if names is None:
            self._namespaces[namespace] = dict(values)
        else:
            names.update(values)

    def is_secret(self, selector: Selector | str) -> bool:
        return len(selector) == 2 and selector[0] == "env" and selector[1] in self.secrets

    def namespace(self, name: str) -> Mapping[str, Value]:
        return self._namespaces.get(name, {})
