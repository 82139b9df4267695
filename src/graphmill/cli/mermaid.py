"""A workflow as a Mermaid flow chart: text that code hosts and editors draw."""

from collections.abc import Iterator
from typing import Final

from graphmill.cli.layout import nest
from graphmill.dsl.canvas import ROOT_TYPES
from graphmill.dsl.check import RESPONSE_TYPES
from graphmill.dsl.model import NodeDefinition, Workflow
from graphmill.dsl.upgrade import START_TYPES

_PLAIN: Final = frozenset(" .,-_/")
"""What stands for itself in a label, besides letters and digits."""


def to_mermaid(workflow: Workflow) -> str:
    """Iterations and loops become boxes around their nodes."""
    names = {node.id: f"n{number}" for number, node in enumerate(workflow.nodes)}
    lines = ["flowchart LR", *_boxes(workflow, names)]
    for edge in workflow.edges:
        if edge.source in names and edge.target in names:
            label = "" if edge.handle == "source" else f'|"{_escaped(edge.handle)}"|'
            lines.append(f"    {names[edge.source]} -->{label} {names[edge.target]}")
    return "\n".join(lines) + "\n"


def _boxes(workflow: Workflow, names: dict[str, str]) -> Iterator[str]:
    """One line for each node, and two for one that holds others."""
    nesting = nest(workflow)
    open_lists = [iter(nesting[None])]
    while open_lists:
        indent = "    " * len(open_lists)
        node = next(open_lists[-1], None)
        if node is None:
            open_lists.pop()
            if open_lists:
                yield f"{indent[4:]}end"
        elif node.type in START_TYPES:
            yield f"{indent}subgraph {names[node.id]}[{_label(node)}]"
            open_lists.append(iter(nesting[node.id]))
        else:
            yield f"{indent}{names[node.id]}{_shape(node)}"


def _shape(node: NodeDefinition) -> str:
    label = _label(node)
    if node.type in ROOT_TYPES or node.type in RESPONSE_TYPES:
        return f"([{label}])"
    if node.type in ("if-else", "question-classifier", "human-input"):
        return f"{{{label}}}"
    return f"[{label}]"


def _label(node: NodeDefinition) -> str:
    return f'"{_escaped(node.title or node.id)}<br>{_escaped(node.type)}"'


def _escaped(text: str) -> str:
    """Letters and digits stay, the rest becomes `#code;`: no title can end its own label."""
    return "".join(
        letter if letter.isalnum() or letter in _PLAIN else f"#{ord(letter)};"
        for letter in " ".join(text.split())
        if letter.isprintable()
    )
