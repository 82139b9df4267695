"""Haystack: a Pipeline of async components."""

from typing import Any, Final

import jinja2
from haystack import Pipeline, component
from haystack.core.component.types import Variadic

from peers import Prepare, one_by_one, templates
from workloads import EXPECTED

RUNS: Final = {"W0": 200, "W1": 40, "W1L": 3, "W2": 40, "W3": 40}

Inputs = dict[str, dict[str, str]]


@component
class Render:
    def __init__(self, template: jinja2.Template) -> None:
        self._template = template

    @component.output_types(out=str)
    def run(self, x: str) -> dict[str, str]:
        return {"out": self._template.render(x=x)}

    @component.output_types(out=str)
    async def run_async(self, x: str) -> dict[str, str]:
        return {"out": self._template.render(x=x)}


@component
class Rung:
    def __init__(self, number: int) -> None:
        self._expected = f"never {number}"

    @component.output_types(yes=str, no=str)
    def run(self, x: str) -> dict[str, str]:
        return {"yes": x} if x == self._expected else {"no": x}

    @component.output_types(yes=str, no=str)
    async def run_async(self, x: str) -> dict[str, str]:
        return {"yes": x} if x == self._expected else {"no": x}


@component
class Answer:
    @component.output_types(out=str)
    def run(self, x: str) -> dict[str, str]:
        return {"out": x}

    @component.output_types(out=str)
    async def run_async(self, x: str) -> dict[str, str]:
        return {"out": x}


@component
class Join:
    @component.output_types(out=str)
    def run(self, x: Variadic[str]) -> dict[str, str]:
        return {"out": next(iter(x))}

    @component.output_types(out=str)
    async def run_async(self, x: Variadic[str]) -> dict[str, str]:
        return {"out": next(iter(x))}


def build(workload: str, url: str) -> Prepare:
    pipeline = Pipeline(max_runs_per_component=5)
    inputs = BUILDERS[workload](pipeline)

    async def run() -> object:
        result: dict[str, Any] = await pipeline.run_async(inputs)
        return result["end"]["out"]

    return one_by_one(run, EXPECTED[workload])


def _no_op(pipeline: Pipeline) -> Inputs:
    pipeline.add_component("end", Answer())
    return {"end": {"x": "x"}}


def _chain(pipeline: Pipeline, length: int) -> Inputs:
    return _line(pipeline, [Render(template) for template in templates(length)], "out")


def _ladder(pipeline: Pipeline) -> Inputs:
    return _line(pipeline, [Rung(number) for number in range(10)], "no")


def _line(pipeline: Pipeline, steps: list[Any], output: str) -> Inputs:
    for number, step in enumerate(steps):
        pipeline.add_component(f"s{number}", step)
        if number:
            pipeline.connect(f"s{number - 1}.{output}", f"s{number}.x")
    pipeline.add_component("end", Answer())
    pipeline.connect(f"s{len(steps) - 1}.{output}", "end.x")
    return {"s0": {"x": "x"}}


def _fan_out(pipeline: Pipeline) -> Inputs:
    pipeline.add_component("end", Join())
    for number, template in enumerate(templates(50)):
        pipeline.add_component(f"t{number}", Render(template))
        pipeline.connect(f"t{number}.out", "end.x")
    return {f"t{number}": {"x": "x"} for number in range(50)}


BUILDERS: Final = {
    "W0": _no_op,
    "W1": lambda pipeline: _chain(pipeline, 20),
    "W1L": lambda pipeline: _chain(pipeline, 200),
    "W2": _fan_out,
    "W3": _ladder,
}
