"""The context of a prompt: knowledge that an earlier node brought (`nodes §4.3`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphmill.nodes.prompts.text import PromptInvalid
from graphmill.variables.values import Found, Value

_RESOURCE: Final = {
    "position": "position",
    "dataset_id": "dataset_id",
    "dataset_name": "dataset_name",
    "document_id": "document_id",
    "document_name": "document_name",
    "data_source_type": "data_source_type",
    "segment_id": "segment_id",
    "retriever_from": "retriever_from",
    "score": "score",
    "hit_count": "segment_hit_count",
    "word_count": "segment_word_count",
    "segment_position": "segment_position",
    "index_node_hash": "segment_index_node_hash",
    "page": "page",
    "doc_metadata": "doc_metadata",
}
"""What a client is told of a piece of knowledge, and where its metadata have it."""


@dataclass(frozen=True, slots=True)
class Context:
    text: str = ""
    resources: tuple[Mapping[str, Value], ...] = ()
    """The pieces of knowledge in it."""


def read_context(value: Found) -> Context:
    """Raises PromptInvalid for an element that has no text."""
    if isinstance(value, str):
        return Context(value)
    if not isinstance(value, list):
        return Context()
    text = "".join(map(_text, value)).strip()
    return Context(text, tuple(resource for resource in map(_resource, value) if resource))


def _text(item: Value) -> str:
    if isinstance(item, str):
        return f"{item}\n"
    if not isinstance(item, dict) or "content" not in item:
        raise PromptInvalid(f"Invalid context structure: {item}", "InvalidContextStructureError")
    summary = item.get("summary")
    return f"{summary}\n{item['content']}\n" if summary else f"{item['content']}\n"


def _resource(item: Value) -> dict[str, Value] | None:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(metadata, dict):
        return None
    if metadata.get("_source") != "knowledge":
        return None
    return {
        **{name: metadata.get(kept_in) for name, kept_in in _RESOURCE.items()},
        "content": item["content"],
        "files": item.get("files"),
        "summary": item.get("summary"),
    }
