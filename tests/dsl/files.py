"""Workflow files for tests, as short as the test that needs them."""

from collections.abc import Sequence
from typing import Any

import yaml

from graphmill.dsl.load import load_workflow
from graphmill.dsl.model import Problem, Workflow


def node(node_id: str, node_type: str, **data: Any) -> dict[str, Any]:
    """A node of the canvas; `parent_id` goes to the envelope, the rest into its data."""
    parent_id = data.pop("parent_id", None)
    envelope = {"id": node_id, "type": "custom", "data": {"type": node_type, **data}}
    return envelope if parent_id is None else {**envelope, "parentId": parent_id}


def page(node_id: str, url: str, **data: Any) -> dict[str, Any]:
    """Fetches `url`."""
    return node(
        node_id,
        "http-request",
        title=node_id.capitalize(),
        method="get",
        url=url,
        headers="",
        params="",
        authorization={"type": "no-auth", "config": None},
        body={"type": "none", "data": []},
        **data,
    )


START = node("start", "start", title="Start", variables=[])


def edge(source: str, target: str, handle: str | None = "source") -> dict[str, Any]:
    return {"source": source, "sourceHandle": handle, "target": target}


def edges(*pairs: str) -> list[dict[str, Any]]:
    """`a>b` is an edge, `a:h>b` one that leaves by handle h."""
    result = []
    for pair in pairs:
        source, target = pair.split(">")
        name, _, handle = source.partition(":")
        result.append(edge(name, target, handle or "source"))
    return result


def workflow_data(
    nodes: Sequence[Any], edges: Sequence[Any] = (), *, mode: str = "workflow", **workflow: Any
) -> dict[str, Any]:
    return {
        "kind": "app",
        "version": "0.5.0",
        "app": {"name": "Test", "mode": mode},
        "workflow": {"graph": {"nodes": list(nodes), "edges": list(edges)}, **workflow},
    }


def workflow_text(*args: Any, **kwargs: Any) -> str:
    return yaml.safe_dump(workflow_data(*args, **kwargs), allow_unicode=True, sort_keys=False)


def load(*args: Any, **kwargs: Any) -> Workflow:
    """The workflow of a file that nothing is wrong with."""
    loaded = load_workflow(workflow_text(*args, **kwargs))
    assert loaded.errors == ()
    assert loaded.workflow is not None
    return loaded.workflow


def problems_of(*args: Any, **kwargs: Any) -> list[Problem]:
    return list(load_workflow(workflow_text(*args, **kwargs)).problems)


def codes(problems: Sequence[Problem]) -> list[str]:
    return [problem.code for problem in problems]
