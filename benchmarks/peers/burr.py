"""Burr: one graph of async actions, an application for each run. It has no parallel branches."""

from itertools import pairwise
from typing import Any, Final

import jinja2
from burr.core import ApplicationBuilder, State, action, default, when
from burr.core.graph import GraphBuilder

from peers import Prepare, one_by_one, templates
from workloads import EXPECTED

RUNS: Final = {"W0": 200, "W1": 100, "W1L": 10, "W3": 100}


def build(workload: str, url: str) -> Prepare:
    actions = {"begin": _keep, **BUILDERS[workload](), "end": _keep}
    transitions = []
    for name, following in pairwise(actions):
        if name.startswith("if"):
            transitions.append((name, "end", when(out=f"never {name}")))
        transitions.append((name, following, default))
    graph = GraphBuilder().with_actions(**actions).with_transitions(*transitions).build()

    async def run() -> object:
        builder = ApplicationBuilder().with_graph(graph).with_state(out="x")
        app = builder.with_entrypoint("begin").build()
        _, _, state = await app.arun(halt_after=["end"])
        return state["out"]

    return one_by_one(run, EXPECTED[workload])


@action(reads=["out"], writes=["out"])
async def _keep(state: State[Any]) -> State[Any]:
    return state.update(out=state["out"])


def _render(template: jinja2.Template) -> Any:
    @action(reads=["out"], writes=["out"])
    async def node(state: State[Any]) -> State[Any]:
        return state.update(out=template.render(x=state["out"]))

    return node


def _chain(length: int) -> dict[str, Any]:
    return {f"t{number}": _render(each) for number, each in enumerate(templates(length))}


BUILDERS: Final = {
    "W0": dict,
    "W1": lambda: _chain(20),
    "W1L": lambda: _chain(200),
    "W3": lambda: {f"if{number}": _keep for number in range(10)},
}
