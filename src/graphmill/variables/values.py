"""What a variable can hold, its run-time type, and its renderings as text (`workflow-dsl §14.2`, §14.5)."""

from typing import TYPE_CHECKING, Final, TypeAlias, Union

if TYPE_CHECKING:
    from graphmill.variables.files import File

Value: TypeAlias = Union[None, bool, int, float, str, "File", list["Value"], dict[str, "Value"]]
"""A JSON value, or a file, or lists and mappings of those. Nothing else enters a pool."""


class Missing:
    """The type of `MISSING`: "not found", which is not the same as "found, and it is None"."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
Found: TypeAlias = Value | Missing
