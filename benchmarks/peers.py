"""Other engines on the same graphs; run by `compare.py` in their own environment (Python 3.12).

    python benchmarks/peers.py graphon W1

Graphs and templates are built outside the clock, which is kindest to them: graphon needs a new engine per run and gets
it for nothing here. Prints one JSON object per batch: milliseconds of CPU and wall per run.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import workloads

Runner = Callable[[int], Awaitable[None]]
"""Runs a workload so many times."""

EXPECTED = {"W0": "x", "W1": "x" + "." * 20, "W1L": "x" + "." * 200, "W2": "x.", "W3": "x"}
DOCUMENTS = {
    "W0": workloads.no_op,
    "W1": lambda: workloads.chain(20),
    "W1L": lambda: workloads.chain(200),
    "W2": lambda: workloads.fan_out(50),
    "W3": lambda: workloads.ladder(10),
}
RUNS = {"graphon": 10, "langgraph": 40, "haystack": 40, "burr": 100}


def graphon(workload: str) -> Callable[[int], Runner]:
    loads = importlib.import_module("graphon.dsl").loads
    text = DOCUMENTS[workload]()

    def prepare(runs: int) -> Runner:
        engines = [
            loads(text, credentials={}, workflow_id="w", start_inputs={"q": "x"})
            for _ in range(runs)
        ]

        async def run(_: int) -> None:
            for engine in engines:
                last = list(engine.run())[-1]
                assert last.outputs["out"] == EXPECTED[workload], last

        return run

    return prepare


def _compiled(count: int) -> list[Any]:
    jinja2 = importlib.import_module("jinja2")
    return [jinja2.Template("{{ x }}.") for _ in range(count)]


def langgraph(workload: str) -> Callable[[int], Runner]:
    graph_module = importlib.import_module("langgraph.graph")
    typing = importlib.import_module("typing")
    start, end = graph_module.START, graph_module.END
    state = typing.TypedDict("State", {"q": str, "out": str, "parts": typing.Annotated[list, lambda a, b: a + b]})
    graph = graph_module.StateGraph(state)

    def template(compiled: Any) -> Callable[[Any], Any]:
        async def node(values: Any) -> Any:
            return {"out": compiled.render(x=values.get("out") or values["q"])}

        return node

    if workload in ("W1", "W1L"):
        length = 20 if workload == "W1" else 200
        previous = start
        for number, compiled in enumerate(_compiled(length)):
            graph.add_node(f"t{number}", template(compiled))
            graph.add_edge(previous, f"t{number}")
            previous = f"t{number}"
        graph.add_edge(previous, end)
    elif workload == "W2":

        def part(compiled: Any) -> Callable[[Any], Any]:
            async def node(values: Any) -> Any:
                return {"parts": [compiled.render(x=values["q"])]}

            return node

        async def join(values: Any) -> Any:
            return {"out": values["parts"][0]}

        graph.add_node("join", join)
        for number, compiled in enumerate(_compiled(50)):
            graph.add_node(f"t{number}", part(compiled))
            graph.add_edge(start, f"t{number}")
        graph.add_edge([f"t{number}" for number in range(50)], "join")
        graph.add_edge("join", end)
    else:

        async def last(values: Any) -> Any:
            return {"out": values["q"]}

        async def rung(values: Any) -> Any:
            return {}

        graph.add_node("end", last)
        graph.add_edge("end", end)
        previous = start
        for number in range(10 if workload == "W3" else 0):
            name = f"if{number}"
            graph.add_node(name, rung)
            if previous == start:
                graph.add_edge(previous, name)
            else:
                graph.add_conditional_edges(previous, _turn(number, name, end), [name, end])
            previous = name
        if previous == start:
            graph.add_edge(start, "end")
        else:
            graph.add_conditional_edges(previous, _turn(10, "end", end), ["end", end])
    app = graph.compile()

    def prepare(_: int) -> Runner:
        async def run(runs: int) -> None:
            for _ in range(runs):
                result = await app.ainvoke({"q": "x", "parts": []}, {"recursion_limit": 500})
                assert result["out"] == EXPECTED[workload], result

        return run

    return prepare


def _turn(number: int, yes: str, no: str) -> Callable[[Any], str]:
    def turn(values: Any) -> str:
        return no if values["q"] == f"never {number}" else yes

    return turn


def haystack(workload: str) -> Callable[[int], Runner]:
    module = importlib.import_module("haystack")
    component = module.component

    @component
    class Render:
        def __init__(self, compiled: Any) -> None:
            self.compiled = compiled

        @component.output_types(out=str)
        def run(self, x: str) -> dict[str, str]:
            return {"out": self.compiled.render(x=x)}

        @component.output_types(out=str)
        async def run_async(self, x: str) -> dict[str, str]:
            return {"out": self.compiled.render(x=x)}

    @component
    class Rung:
        def __init__(self, number: int) -> None:
            self.number = number

        @component.output_types(yes=str, no=str)
        def run(self, x: str) -> dict[str, str]:
            return {"yes": x} if x == f"never {self.number}" else {"no": x}

        @component.output_types(yes=str, no=str)
        async def run_async(self, x: str) -> dict[str, str]:
            return self.run(x)

    @component
    class Pass:
        @component.output_types(out=str)
        def run(self, x: str) -> dict[str, str]:
            return {"out": x}

        @component.output_types(out=str)
        async def run_async(self, x: str) -> dict[str, str]:
            return {"out": x}

    joiner = importlib.import_module("haystack.core.component.types").Variadic

    @component
    class Join:
        @component.output_types(out=str)
        def run(self, x: joiner[str]) -> dict[str, str]:  # type: ignore[valid-type]
            return {"out": next(iter(x))}

        @component.output_types(out=str)
        async def run_async(self, x: joiner[str]) -> dict[str, str]:  # type: ignore[valid-type]
            return {"out": next(iter(x))}

    pipeline = module.Pipeline(max_runs_per_component=5)
    entries: dict[str, Any]
    if workload == "W0":
        pipeline.add_component("end", Pass())
        entries = {"end": {"x": "x"}}
    elif workload in ("W1", "W1L"):
        length = 20 if workload == "W1" else 200
        for number, compiled in enumerate(_compiled(length)):
            pipeline.add_component(f"t{number}", Render(compiled))
            if number:
                pipeline.connect(f"t{number - 1}.out", f"t{number}.x")
        pipeline.add_component("end", Pass())
        pipeline.connect(f"t{length - 1}.out", "end.x")
        entries = {"t0": {"x": "x"}}
    elif workload == "W2":
        pipeline.add_component("end", Join())
        for number, compiled in enumerate(_compiled(50)):
            pipeline.add_component(f"t{number}", Render(compiled))
            pipeline.connect(f"t{number}.out", "end.x")
        entries = {f"t{number}": {"x": "x"} for number in range(50)}
    else:
        for number in range(10):
            pipeline.add_component(f"if{number}", Rung(number))
            if number:
                pipeline.connect(f"if{number - 1}.no", f"if{number}.x")
        pipeline.add_component("end", Pass())
        pipeline.connect("if9.no", "end.x")
        entries = {"if0": {"x": "x"}}

    def prepare(_: int) -> Runner:
        async def run(runs: int) -> None:
            for _ in range(runs):
                result = await pipeline.run_async(entries)
                assert result["end"]["out"] == EXPECTED[workload], result

        return run

    return prepare


def burr(workload: str) -> Callable[[int], Runner]:
    core = importlib.import_module("burr.core")

    def render(compiled: Any) -> Any:
        @core.action(reads=["out"], writes=["out"])
        async def node(state: Any) -> Any:
            return state.update(out=compiled.render(x=state["out"]))

        return node

    @core.action(reads=["out"], writes=["out"])
    async def keep(state: Any) -> Any:
        return state.update(out=state["out"])

    if workload in ("W1", "W1L"):
        length = 20 if workload == "W1" else 200
        actions = {f"t{number}": render(compiled) for number, compiled in enumerate(_compiled(length))}
    elif workload == "W3":
        actions = {f"if{number}": keep for number in range(10)}
    else:
        actions = {}
    actions = {"begin": keep, **actions, "end": keep}
    names = list(actions)
    transitions = []
    for number, (name, following) in enumerate(zip(names, names[1:], strict=False)):
        if workload == "W3" and name.startswith("if"):
            transitions.append((name, "end", core.when(out=f"never {number}")))
        transitions.append((name, following, core.default))

    def prepare(_: int) -> Runner:
        async def run(runs: int) -> None:
            for _ in range(runs):
                app = (
                    core.ApplicationBuilder()
                    .with_graph(graph)
                    .with_state(out="x")
                    .with_entrypoint("begin")
                    .build()
                )
                _, _, state = await app.arun(halt_after=["end"])
                assert state["out"] == EXPECTED[workload], state

        return run

    graph = (
        importlib.import_module("burr.core.graph")
        .GraphBuilder()
        .with_actions(**actions)
        .with_transitions(*transitions)
        .build()
    )
    return prepare


PEERS = {"graphon": graphon, "langgraph": langgraph, "haystack": haystack, "burr": burr}


def main() -> None:
    peer, workload = sys.argv[1:3]
    runs = RUNS[peer] if workload != "W1L" else max(3, RUNS[peer] // 10)
    prepare = PEERS[peer](workload)
    asyncio.run(prepare(2)(2))
    for _ in range(3):
        run = prepare(runs)
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(run(runs))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(json.dumps({"cpu_ms": cpu / runs * 1000, "wall_ms": wall / runs * 1000}))


if __name__ == "__main__":
    main()
