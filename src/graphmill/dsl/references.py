"""References of nodes to variables: where they stand in the file, and whether they lead anywhere.

What a node reads its type tells; the file is searched for the place only. A list of texts that
nobody reads is no selector, and text like a reference in program code is no reference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graphmill.dsl.model import AppMode, DataPath, NodeDefinition, Problem, Severity, Workflow
from graphmill.dsl.problems import did_you_mean, node_problem
from graphmill.dsl.rules import NodeFacts
from graphmill.dsl.yaml_tree import Yaml
from graphmill.variables.selectors import Selector, parse_selector
from graphmill.variables.template import Template

_SYSTEM: Final = frozenset(
    {"files", "user_id", "app_id", "workflow_id", "workflow_run_id", "timestamp"}
)
_SYSTEM_OF_CHATS: Final = frozenset({"query", "conversation_id", "dialogue_count"})
_OF_FAILURES: Final = frozenset({"error_message", "error_type"})


@dataclass(frozen=True, slots=True)
class _Complaint:
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Scope:
    """The variables that exist in a workflow: by namespace or node id, None where unknown."""

    variables: Mapping[str, frozenset[str] | None]

    def complaint(self, selector: Selector) -> _Complaint | None:
        """What is wrong when `selector` leads nowhere."""
        head, *rest = selector
        if head not in self.variables:
            message = f"There is no node {head!r} to take {'.'.join(rest)!r} from"
            return _Complaint("unknown-node", message, did_you_mean(head, self.variables))
        known = self.variables[head]
        if not rest or known is None or rest[0] in known:
            return None
        hint = did_you_mean(rest[0], known)
        if not hint and known:
            hint = f"It has {', '.join(sorted(known))}."
        return _Complaint("unknown-variable", f"{head!r} has no variable {rest[0]!r}", hint)


def check_references(
    workflow: Workflow, facts: Mapping[str, NodeFacts | None]
) -> Iterator[Problem]:
    """A warning for each reference to nothing; Dify runs such a file and finds nothing there."""
    scope = _scope(workflow, facts)
    for node in workflow.nodes:
        known = facts[node.id]
        if known is None:
            continue
        places = _places(node)
        for selector in dict.fromkeys(known.reads):
            complaint = scope.complaint(selector) if selector else None
            if complaint is None:
                continue
            for path in places.get(selector, [()]):
                yield node_problem(
                    node,
                    complaint.code,
                    complaint.message,
                    path,
                    hint=complaint.hint,
                    severity=Severity.WARNING,
                )


def _scope(workflow: Workflow, facts: Mapping[str, NodeFacts | None]) -> _Scope:
    chat = workflow.app.mode is AppMode.ADVANCED_CHAT
    variables: dict[str, frozenset[str] | None] = {
        "sys": _SYSTEM | _SYSTEM_OF_CHATS if chat else _SYSTEM,
        "env": frozenset(variable.name for variable in workflow.environment),
        "conversation": frozenset(variable.name for variable in workflow.conversation),
    }
    for node in workflow.nodes:
        known = facts[node.id]
        outputs = known.outputs if known is not None else None
        variables[node.id] = None if outputs is None else outputs | _of_failures(node)
    return _Scope(variables)


def _of_failures(node: NodeDefinition) -> frozenset[str]:
    """Variables that a handled failure adds (`workflow-dsl §10.3`)."""
    if not node.data.get("error_strategy"):
        return frozenset()
    defaults = node.data.get("default_value")
    items = defaults if isinstance(defaults, list) else []
    return _OF_FAILURES.union(str(item.get("key")) for item in items if isinstance(item, dict))


def _places(node: NodeDefinition) -> dict[Selector, list[DataPath]]:
    """Where the data of a node holds what could be read as a reference."""
    found: dict[Selector, list[DataPath]] = {}
    for path, selector in _candidates(node.data, ()):
        found.setdefault(selector, []).append(path)
    return found


def _candidates(value: Yaml, path: tuple[str | int, ...]) -> Iterator[tuple[DataPath, Selector]]:
    match value:
        case str():
            for selector in Template.parse(value).selectors:
                yield path, selector
        case dict():
            for key, item in value.items():
                yield from _candidates(item, (*path, key))
        case list():
            texts = [item for item in value if isinstance(item, str)]
            if texts and len(texts) == len(value):
                yield path, parse_selector(texts)
            for index, item in enumerate(value):
                yield from _candidates(item, (*path, index))
        case _:
            pass
