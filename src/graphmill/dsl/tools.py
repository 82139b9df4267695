"""Providers of tools as workflow files name them, and how a server comes to know one."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class ToolProvider:
    type: str
    """`builtin`, `plugin`, `api`, `workflow`, `mcp` ..."""
    id: str
    """`time`, `langgenius/jina/jina`; a UUID for what a workspace of Dify has made itself."""
    name: str
    """For people; often that of the id."""

    def fits(self, pattern: str) -> bool:
        """Is the provider meant by `pattern`, a glob over ids and names?"""
        return fnmatchcase(self.id, pattern) or fnmatchcase(self.name, pattern)

    @property
    def hint(self) -> str:
        """What to write into config.yaml to have its tools."""
        match self.type:
            case "workflow":
                rest = "kind: workflow, app: SLUG"
            case "mcp":
                rest = "kind: mcp, url: https://HOST/mcp"
            case _:
                rest = (
                    "kind: openapi, document: FILE (or kind: mcp, url: https://HOST/mcp; "
                    "or, to draw, kind: images, model: {provider: NAME, name: NAME})"
                )
        return f"Add to `tools` in config.yaml: {{provider: {(self.name or self.id)!r}, {rest}}}."
