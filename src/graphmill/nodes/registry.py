"""The node types that a workflow may use. A type that is not in here refuses the whole graph.

Each is loaded when the first workflow has it: most servers need few of them, and `serve` starts the
quicker."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from graphmill.nodes.base import NodeType

_MODULES: Final = {
    "agent": "agent.node",
    "answer": "answer",
    "assigner": "assigner.node",
    "code": "code.node",
    "document-extractor": "document_extractor",
    "end": "end",
    "http-request": "http_request.node",
    "human-input": "human_input",
    "if-else": "if_else",
    "iteration": "containers.iteration",
    "iteration-start": "containers.ends",
    "knowledge-retrieval": "knowledge_retrieval.node",
    "list-operator": "list_operator.node",
    "llm": "llm.node",
    "loop": "containers.loop",
    "loop-end": "containers.ends",
    "loop-start": "containers.ends",
    "parameter-extractor": "parameter_extractor.node",
    "question-classifier": "question_classifier",
    "start": "start",
    "template-transform": "template_transform",
    "tool": "tool.node",
    "variable-aggregator": "variable_aggregator",
}
"""Where a type is, as the constant that has its name: IF_ELSE in if_else."""


class _NodeTypes(Mapping[str, NodeType]):
    def __getitem__(self, name: str) -> NodeType:
        module = import_module(f"graphmill.nodes.{_MODULES[name]}")
        node_type = getattr(module, name.replace("-", "_").upper())
        assert isinstance(node_type, NodeType), "a test asks for each of them"
        return node_type

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


NODE_TYPES: Final[Mapping[str, NodeType]] = _NodeTypes()
