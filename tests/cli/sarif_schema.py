"""The part of the SARIF 2.1.0 schema that our logs use, as strict as the published one: what a
property may hold, what is required, and that nothing else is there."""

from typing import Any


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def _set_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "uniqueItems": True}


TEXT = {"type": "string"}
POSITION = {"type": "integer", "minimum": 1}
INDEX = {"type": "integer", "minimum": -1}
ARTIFACT_LOCATION = _object(uri={"type": "string", "format": "uri-reference"}, index=INDEX)
LOCATION = _object(
    physicalLocation=_object(
        artifactLocation=ARTIFACT_LOCATION,
        region=_object(startLine=POSITION, startColumn=POSITION),
    ),
    logicalLocations=_set_of(_object(fullyQualifiedName=TEXT, kind=TEXT)),
)
RESULT = _object(
    "message",
    ruleId=TEXT,
    ruleIndex=INDEX,
    level={"enum": ["none", "note", "warning", "error"]},
    message=_object("text", text=TEXT),
    locations={"type": "array", "items": LOCATION},
)
DRIVER = _object("name", name=TEXT, version=TEXT, rules=_set_of(_object("id", id=TEXT)))
RUN = _object(
    "tool",
    tool=_object("driver", driver=DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    artifacts=_set_of(_object(location=ARTIFACT_LOCATION)),
    results={"type": "array", "items": RESULT},
)
LOG = _object(
    "version runs",
    **{
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {"type": "array", "items": RUN},
    },
)
