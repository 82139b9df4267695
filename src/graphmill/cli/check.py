"""`graphmill check`: every problem of workflow files, for people, programs and code scanners."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Final

from graphmill.cli.sarif import to_sarif
from graphmill.config import Settings
from graphmill.dsl.check import check_workflow
from graphmill.dsl.load import load_workflow
from graphmill.dsl.model import Problem, Severity, Workflow
from graphmill.dsl.problems import format_text, in_order
from graphmill.dsl.tools import ToolProvider
from graphmill.errors import WorkflowInvalid
from graphmill.nodes.base import NodePorts
from graphmill.nodes.compile import compile_plan
from graphmill.nodes.registry import NODE_TYPES
from graphmill.sandbox.packages import installed_modules
from graphmill.service.apps.reading import content_of
from graphmill.tools.toolbox import BUILT_IN, patterns_of

Findings = Sequence[tuple[Path, Sequence[Problem]]]
"""The problems of each file."""


def check_files(
    paths: Sequence[Path],
    format: str,
    write: Callable[[str], object],
    *,
    packages: Collection[str] | None = (),
    has_model: Callable[[str, str], bool] | None = None,
    has_tools: Callable[[ToolProvider], bool] | None = None,
    has_dataset: Callable[[str], bool] | None = None,
) -> int:
    """Check files and `write` the report, line by line; `format` is text, json or sarif, the rest
    as in `check_workflow`.

    The exit status: 1 when there are errors; warnings alone leave it 0."""
    findings = [
        (path, find_problems(path, packages, has_model, has_tools, has_dataset))
        for path in dict.fromkeys(paths)
    ]
    _FORMATS[format](findings, write)
    return 1 if _count(findings, Severity.ERROR) else 0


def find_problems(
    path: Path,
    packages: Collection[str] | None = (),
    has_model: Callable[[str, str], bool] | None = None,
    has_tools: Callable[[ToolProvider], bool] | None = None,
    has_dataset: Callable[[str], bool] | None = None,
) -> tuple[Problem, ...]:
    """Everything that is wrong with the file at `path`, a missing one included."""
    try:
        loaded = load_workflow(content_of(path))
    except WorkflowInvalid as error:
        return error.problems
    problems = list(loaded.problems)
    workflow = loaded.workflow
    if workflow is not None and not any(map(_concerns_graph, loaded.errors)):
        problems += _compile_problems(workflow)
        problems += check_workflow(
            workflow,
            NODE_TYPES,
            packages=packages,
            has_model=has_model,
            has_tools=has_tools,
            has_dataset=has_dataset,
        )
    return in_order(problems)


def _concerns_graph(problem: Problem) -> bool:
    """Was a part of the graph left out? What it is missed by would be no news."""
    return (problem.field or "").startswith("workflow.graph")


def _compile_problems(workflow: Workflow) -> Sequence[Problem]:
    absent = {port.name: _Absent() for port in fields(NodePorts) if port.default_factory is MISSING}
    # Nodes only keep their ports when they are built, so any object will do for each of them.
    ports = NodePorts(**absent)  # type: ignore[arg-type]
    try:
        compile_plan(workflow, ports)
    except WorkflowInvalid as error:
        return error.problems
    return ()


def importable_packages(settings: Settings) -> Collection[str] | None:
    """What code may import besides the standard library; None when a dify-sandbox runs it."""
    if settings.sandbox.python_is_remote:
        return None
    if settings.sandbox.python.backend == "monty":
        return ()
    return installed_modules(settings.packages_dir)


def served_models(settings: Settings) -> Callable[[str, str], bool]:
    """Tells by provider and name whether there is a model."""

    def has_model(provider: str, name: str) -> bool:
        return any(entry.serves(provider, name) for entry in settings.models)

    return has_model


def served_tools(settings: Settings) -> Callable[[ToolProvider], bool]:
    """Tells whether there are the tools of a provider."""
    built_in = (pattern for name in BUILT_IN for pattern in patterns_of(name))
    patterns = (*built_in, *(entry.provider for entry in settings.tools))

    def has_tools(provider: ToolProvider) -> bool:
        return any(map(provider.fits, patterns))

    return has_tools


def served_datasets(settings: Settings) -> Callable[[str], bool]:
    """Tells by id whether there is a dataset."""

    def has_dataset(dataset_id: str) -> bool:
        return any(entry.serves(dataset_id) for entry in settings.knowledge)

    return has_dataset


class _Absent:
    """Stands for every port of nodes that are built and never run."""

    def compile(self, source: str) -> "_Absent":
        return self


def _write_text(findings: Findings, write: Callable[[str], object]) -> None:
    for path, problems in findings:
        for problem in problems:
            write(format_text(str(path), problem))
    errors, warnings = (_count(findings, severity) for severity in Severity)
    write(
        f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')} "
        f"in {_counted(len(findings), 'file')}"
    )


def _write_json(findings: Findings, write: Callable[[str], object]) -> None:
    report = {
        "errors": _count(findings, Severity.ERROR),
        "warnings": _count(findings, Severity.WARNING),
        "problems": [
            {
                "file": str(path),
                "line": problem.place.line,
                "column": problem.place.column,
                "severity": problem.severity,
                "code": problem.code,
                "message": problem.message,
                "hint": problem.hint,
                "node_id": problem.node_id,
                "node_title": problem.node_title,
                "field": problem.field,
            }
            for path, problems in findings
            for problem in problems
        ],
    }
    write(json.dumps(report, indent=2))


def _write_sarif(findings: Findings, write: Callable[[str], object]) -> None:
    write(json.dumps(to_sarif(findings), indent=2))


_FORMATS: Final = {"text": _write_text, "json": _write_json, "sarif": _write_sarif}


def _count(findings: Findings, severity: Severity) -> int:
    return sum(problem.severity is severity for _, problems in findings for problem in problems)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
