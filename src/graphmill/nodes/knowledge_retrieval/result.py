"""What was found as workflows see it (`nodes §5`)."""

from collections.abc import Sequence

from graphmill.ports.knowledge import Segment
from graphmill.variables.values import Value


def found_objects(segments: Sequence[Segment]) -> list[Value]:
    """One object a segment, the best first."""
    return [
        {
            "title": segment.document_name,
            "content": segment.content,
            "files": [],
            "metadata": {"_source": "knowledge", "position": position, **_metadata(segment)},
        }
        for position, segment in enumerate(segments, start=1)
    ]


def _metadata(segment: Segment) -> dict[str, Value]:
    common: dict[str, Value] = {
        "dataset_id": segment.dataset_id,
        "dataset_name": segment.dataset_name,
        "document_id": segment.document_id,
        "document_name": segment.document_name,
        "data_source_type": "external" if segment.place is None else "upload_file",
        "retriever_from": "workflow",
        "score": segment.score,
        "doc_metadata": dict(segment.doc_metadata),
    }
    place = segment.place
    if place is None:
        return common
    return {
        **common,
        "segment_id": place.segment_id,
        "child_chunks": [],
        # Searches are counted nowhere.
        "segment_hit_count": 0,
        "segment_word_count": place.characters,
        "segment_position": place.position,
        "segment_index_node_hash": place.sha256,
    }
