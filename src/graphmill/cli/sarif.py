"""Problems as SARIF 2.1.0, the format that code hosts show beside the lines of a change."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from graphmill import __version__
from graphmill.dsl.model import Problem


def to_sarif(findings: Sequence[tuple[Path, Sequence[Problem]]]) -> dict[str, Any]:
    """A log with one run. Rules are the codes of the problems found."""
    codes = sorted({problem.code for _, problems in findings for problem in problems})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "graphmill",
                        "version": __version__,
                        "rules": [{"id": code} for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "artifacts": [{"location": {"uri": _uri(path)}} for path, _ in findings],
                "results": [
                    _result(problem, _uri(path), artifact, codes.index(problem.code))
                    for artifact, (path, problems) in enumerate(findings)
                    for problem in problems
                ],
            }
        ],
    }


def _result(problem: Problem, uri: str, artifact: int, rule: int) -> dict[str, Any]:
    text = f"{problem.message}. {problem.hint}" if problem.hint else problem.message
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "index": artifact},
            "region": {"startLine": problem.place.line, "startColumn": problem.place.column},
        }
    }
    name = ".".join(part for part in (problem.node_id, problem.field) if part)
    if name:
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "object"}]
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity.value,
        "message": {"text": text},
        "locations": [location],
    }


def _uri(path: Path) -> str:
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
