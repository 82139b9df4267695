"""Workflows with iterations and loops, compiled from a file and run by the real driver.

Node types are the real ones; `script` is one more, whose function a test gives by name."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphmill.engine.context import NodeContext
from graphmill.engine.driver import RunLimits
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.plan import Plan
from graphmill.nodes.base import NodeData, NodeType
from graphmill.nodes.compile import compile_plan
from graphmill.nodes.registry import NODE_TYPES
from graphmill.sandbox.templates import InlineTemplates
from graphmill.variables.values import Missing, Value
from tests.dsl.files import START, edges, load, node
from tests.engine.driving import Told, run
from tests.nodes.running import NO_PORTS

Script = Callable[[Callable[[str], Value]], Any]
"""look up (a dotted selector; None for what is missing) → outputs; raises to fail."""

ERROR = "boom"


class ScriptData(NodeData):
    name: str


@dataclass(frozen=True, slots=True)
class _Inline:
    script: Script

    def run(self, context: NodeContext) -> Outcome:
        return _outcome(lambda: self.script(_looker(context)))


@dataclass(frozen=True, slots=True)
class _Waiting:
    script: Script

    async def run(self, context: NodeContext) -> Outcome:
        try:
            return Succeeded(await self.script(_looker(context)))
        except ValueError as error:
            return Failed(str(error))


def _outcome(call: Callable[[], dict[str, Value]]) -> Outcome:
    try:
        return Succeeded(call())
    except ValueError as error:
        return Failed(str(error))


def _looker(context: NodeContext) -> Callable[[str], Value]:
    def look_up(dotted: str) -> Value:
        found = context.pool.find(tuple(dotted.split(".")))
        return None if isinstance(found, Missing) else found

    return look_up


def boom(look_up: Callable[[str], Value]) -> dict[str, Value]:
    raise ValueError(ERROR)


def plan_of(
    nodes: list[dict[str, Any]],
    links: str,
    scripts: Mapping[str, Script] | None = None,
    **options: Any,
) -> Plan:
    """A plan of a start node and `nodes`; `links` as in `a>b a:handle>b`."""
    scripts = {"boom": boom, **(scripts or {})}

    def build(node_id: str, data: ScriptData, ports: object) -> Any:
        script = scripts[data.name]
        return (_Waiting if asyncio.iscoroutinefunction(script) else _Inline)(script)

    types = {**NODE_TYPES, "script": NodeType("script", ScriptData, build)}
    workflow = load([START, *nodes], edges(*links.split()), **options)
    ports = replace(NO_PORTS, templates=InlineTemplates())
    return compile_plan(workflow, ports, node_types=types)


async def told_of(
    nodes: list[dict[str, Any]],
    links: str,
    scripts: Mapping[str, Script] | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    limits: RunLimits | None = None,
    **inputs: Value,
) -> Told:
    return await run(plan_of(nodes, links, scripts, **(options or {})), limits=limits, **inputs)


# --- nodes ----------------------------------------------------------------------------------------


def script(node_id: str, name: str | None = None, *, inside: str | None = None, **data: Any) -> Any:
    return node(node_id, "script", parent_id=inside, name=name or node_id, **data)


def iteration(node_id: str, over: str, out: str, *, inside: str | None = None, **data: Any) -> Any:
    """With its start node, `s_<id>`."""
    container = node(
        node_id,
        "iteration",
        parent_id=inside,
        iterator_selector=over.split("."),
        output_selector=out.split("."),
        start_node_id=f"s_{node_id}",
        **data,
    )
    return [container, node(f"s_{node_id}", "iteration-start", parent_id=node_id)]


def loop(
    node_id: str,
    count: int,
    *variables: dict[str, Any],
    until: list[tuple[str, str, Any]] | None = None,
    inside: str | None = None,
    **data: Any,
) -> Any:
    """With its start node, `s_<id>`; `until` are the break conditions."""
    container = node(
        node_id,
        "loop",
        parent_id=inside,
        loop_count=count,
        start_node_id=f"s_{node_id}",
        loop_variables=list(variables),
        logical_operator="and",
        break_conditions=[
            {"variable_selector": left.split("."), "comparison_operator": word, "value": right}
            for left, word, right in until or ()
        ],
        **data,
    )
    return [container, node(f"s_{node_id}", "loop-start", parent_id=node_id)]


def constant(label: str, var_type: str, value: Any) -> dict[str, Any]:
    return {"label": label, "var_type": var_type, "value_type": "constant", "value": value}


def reference(label: str, var_type: str, dotted: str) -> dict[str, Any]:
    return {
        "label": label,
        "var_type": var_type,
        "value_type": "variable",
        "value": dotted.split("."),
    }


def end(node_id: str = "e", **outputs: str) -> Any:
    return node(
        node_id,
        "end",
        outputs=[
            {"variable": name, "value_selector": dotted.split(".")}
            for name, dotted in outputs.items()
        ],
    )


def answer(node_id: str, text: str, *, inside: str | None = None) -> Any:
    return node(node_id, "answer", parent_id=inside, answer=text)


def add_one(node_id: str, target: str, *, inside: str) -> Any:
    """An assigner that counts."""
    return node(
        node_id,
        "assigner",
        parent_id=inside,
        version="2",
        items=[
            {
                "variable_selector": target.split("."),
                "input_type": "constant",
                "operation": "+=",
                "value": 1,
            }
        ],
    )


def append(node_id: str, target: str, source: str, *, inside: str) -> Any:
    return node(
        node_id,
        "assigner",
        parent_id=inside,
        version="2",
        items=[
            {
                "variable_selector": target.split("."),
                "input_type": "variable",
                "operation": "append",
                "value": source.split("."),
            }
        ],
    )
