"""What stands between strangers' code and the host, and whether that is enough."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from graphmill.variables.values import Value

_SELF_TEST: Final = Path(__file__).with_name("zygote") / "self_test.py"


class Isolation(IntEnum):
    NONE = 0
    SECCOMP = 1
    """The wall, without the layers behind it."""
    FULL = 2


@dataclass(frozen=True, slots=True)
class Layers:
    """As the zygote reports them."""

    seccomp: bool
    landlock: int
    """Version; 0 without it."""
    namespaces: str
    """root, userns, or empty without them."""
    dropped_root: bool
    missing: tuple[str, ...] = ()
    """Modules that could not be loaded."""

    @property
    def isolation(self) -> Isolation:
        if not self.seccomp:
            return Isolation.NONE
        return Isolation.FULL if self.landlock and self.namespaces else Isolation.SECCOMP

    @property
    def names(self) -> tuple[str, ...]:
        """Of what stands, for people."""
        names = [name for name, stands in self._all().items() if stands]
        return (*names, "another user") if self.dropped_root else tuple(names)

    @property
    def gaps(self) -> str:
        """What does not stand, as a clause; empty when everything does."""
        missing = [name for name, stands in self._all().items() if not stands]
        return f"no {', no '.join(missing)}" if missing else ""

    def _all(self) -> dict[str, bool]:
        return {
            "seccomp": self.seccomp,
            f"Landlock {self.landlock or ''}".rstrip(): bool(self.landlock),
            "namespaces": bool(self.namespaces),
        }


def read_layers(report: dict[str, Any]) -> Layers:
    return Layers(**{**report, "missing": tuple(report["missing"])})


def shortfall(layers: Layers, required: Isolation) -> str:
    """Why these layers are too few; empty when they are enough."""
    if layers.isolation >= required:
        return ""
    if not layers.seccomp:
        return "seccomp is not available on this host"
    return "this host has no Landlock or no namespaces, and sandbox.require_isolation is full"


def self_test() -> str:
    """Python that tries what must not be possible; see `breaches_in`."""
    return _SELF_TEST.read_text(encoding="utf-8")


def breaches_in(result: Value) -> str:
    """What the self-test could do, as a reason; empty when that was nothing."""
    breaches = result.get("breaches") if isinstance(result, dict) else None
    if not isinstance(breaches, list):
        return "its self-test gave no result"
    return f"behind its walls code could {', '.join(map(str, breaches))}" if breaches else ""


_SWITCHED_OFF: Final = {
    "python3": "Code nodes are",
    "javascript": "Code nodes in JavaScript are",
    "jinja2": "Templates with more than plain variables, conditions and short loops are",
}


def switched_off(language: str, reason: str, *, monty: bool) -> str:
    """What authors are told where nothing keeps their code apart. `monty`: would it help to install
    that?"""
    remedies = [
        *(["install pydantic-monty (graphmill[monty])"] if monty else []),
        "name a dify-sandbox (CODE_EXECUTION_ENDPOINT)",
        "run the server on Linux with seccomp, or set sandbox.allow_unsandboxed there when nobody "
        "else writes workflows",
    ]
    what = ", ".join(remedies)
    return f"{_SWITCHED_OFF[language]} off: {reason}. To switch them on, {what}."
