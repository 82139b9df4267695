"""Random workflows with containers, and what they give, worked out without an engine."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zlib import crc32

from hypothesis import strategies as st

from graphmill.engine.plan import Plan
from graphmill.variables.values import Value
from tests.dsl.files import node
from tests.nodes.containers.drawing import (
    Script,
    add_one,
    constant,
    end,
    iteration,
    loop,
    plan_of,
    script,
)

DEFAULT: Final = -1
"""What a node with a default value gives when it fails."""
_DEEPEST: Final = 2
_OUTPUTS: Final = {"script": "r", "iteration": "output", "loop": "loop_round"}


class Boom(Exception):
    """A node failed and nothing was to be done about it."""


@dataclass(frozen=True)
class Step:
    """A node of a sketch, together with the nodes inside it."""

    id: str
    kind: str
    """script, if-else, iteration or loop."""
    after: tuple[tuple[str, str], ...]
    """Edges that lead here: a step before and its handle; "" is the start of the frame."""
    recourse: str | None = None
    is_fragile: bool = False
    """Of a script: does it fail for some items?"""
    waits: bool = False
    body: "tuple[Step, ...]" = ()
    at_once: int = 1
    mode: str = "terminated"
    rounds: int = 0

    @property
    def handles(self) -> tuple[str, ...]:
        if self.kind == "if-else":
            return ("c", "false")
        return ("source", "fail-branch") if self.recourse == "fail-branch" else ("source",)

    @property
    def item(self) -> str:
        """Of a container: where its nodes find what the round is about."""
        return f"{self.id}.{'item' if self.kind == 'iteration' else 'i'}"

    @property
    def output(self) -> str:
        return f"{self.id}.{_OUTPUTS[self.kind]}"


@dataclass(frozen=True)
class Sketch:
    items: tuple[str, ...]
    """What all iterations go through."""
    steps: tuple[Step, ...]

    @property
    def inputs(self) -> dict[str, Value]:
        return {"l": list(self.items), "item": "a"}

    def outputs(self) -> dict[str, Value]:
        """Raises Boom when the run fails."""
        values = _frame(self.steps, self.items, ("a",))
        return {step.id: values.get(step.id) for step in _with_output(self.steps)}

    def plan(self, *, is_parallel: bool = True) -> Plan:
        drawing = _Drawing(is_parallel)
        drawing.frame(self.steps, None, ("start.item",))
        ends = [f"{step.id}:{handle}>e" for step in self.steps for handle in step.handles]
        outputs = end(**{step.id: step.output for step in _with_output(self.steps)})
        links = " ".join([*drawing.links, *ends])
        return plan_of([*drawing.nodes, outputs], links, drawing.scripts)


def _with_output(steps: tuple[Step, ...]) -> Iterator[Step]:
    return (step for step in steps if step.kind in _OUTPUTS)


# --- random sketches ------------------------------------------------------------------------------


@st.composite
def sketches(draw: st.DrawFn) -> Sketch:
    names = (f"n{number}" for number in range(1000))
    items = draw(st.lists(st.sampled_from("abc"), max_size=4).map(tuple))
    return Sketch(items, draw(_bodies(names, 0)))


@st.composite
def _bodies(draw: st.DrawFn, names: Iterator[str], depth: int) -> tuple[Step, ...]:
    """The steps of a frame, each after some of those before it."""
    exits = [("", "source")]
    body: list[Step] = []
    for _ in range(draw(st.integers(0 if depth else 1, 4 - depth))):
        kinds = ["script", "script", "if-else"]
        if depth < _DEEPEST:
            kinds += ["iteration", "loop", "iteration"]
        kind = draw(st.sampled_from(kinds))
        step = Step(
            next(names),
            kind,
            tuple(draw(st.lists(st.sampled_from(exits), min_size=1, max_size=3, unique=True))),
        )
        if kind != "if-else":
            strategies = st.sampled_from((None, "default-value", "fail-branch"))
            step = replace(step, recourse=draw(strategies))
        if kind == "script":
            step = replace(step, is_fragile=draw(st.booleans()), waits=draw(st.booleans()))
        elif kind == "iteration":
            modes = ("terminated", "continue-on-error", "remove-abnormal-output")
            step = replace(step, at_once=draw(st.integers(2, 4)), mode=draw(st.sampled_from(modes)))
        elif kind == "loop":
            step = replace(step, rounds=draw(st.integers(0, 3)))
        if kind in ("iteration", "loop"):
            step = replace(step, body=draw(_bodies(names, depth + 1)))
        body.append(step)
        exits += [(step.id, handle) for handle in step.handles]
    return tuple(body)


# --- what they give -------------------------------------------------------------------------------


def _frame(
    steps: tuple[Step, ...], items: tuple[str, ...], around: tuple[Value, ...]
) -> dict[str, Value]:
    """The value of each step of a frame. `around` is what the frame and those around it are about.

    Raises Boom when the frame fails."""
    taken = {("", "source")}
    values: dict[str, Value] = {}
    has_failed = False
    for step in steps:
        if taken.isdisjoint(step.after):
            continue
        handle = "source"
        try:
            if step.kind == "if-else":
                handle = "c" if around[-1] in ("a", 1) else "false"
            else:
                values[step.id] = _value(step, items, around, values)
        except Boom:
            if step.recourse is None:
                has_failed = True
                continue
            if step.recourse == "default-value":
                values[step.id] = DEFAULT
            else:
                handle = step.recourse
        taken.add((step.id, handle))
    if has_failed:
        raise Boom
    return values


def _value(
    step: Step, items: tuple[str, ...], around: tuple[Value, ...], values: Mapping[str, Value]
) -> Value:
    if step.kind == "script":
        return _script_value(step, around, [values.get(source) for source, _ in step.after])
    if step.kind == "loop":
        for number in range(step.rounds):
            _frame(step.body, items, (*around, number + 1))
        return step.rounds or None
    found: list[Value] = []
    for item in items:
        try:
            values_inside = _frame(step.body, items, (*around, item))
        except Boom:
            if step.mode == "terminated":
                raise
            if step.mode == "continue-on-error":
                found.append(None)
        else:
            result = _result(step)
            found.append(None if result is None else values_inside.get(result.id))
    return found


def _result(container: Step) -> Step | None:
    """The step whose value an iteration collects."""
    return next(_with_output(container.body), None)


def _script_value(step: Step, around: tuple[Value, ...], before: list[Value]) -> int:
    value = crc32(repr((step.id, around, before)).encode())
    if step.is_fragile and value % 3 == 0:
        raise Boom
    return value


# --- the same as a workflow -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Drawing:
    is_parallel: bool
    nodes: list[Any] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    scripts: dict[str, Script] = field(default_factory=dict)

    def frame(self, steps: tuple[Step, ...], inside: str | None, around: tuple[str, ...]) -> None:
        """`around` are the selectors of what the frame and those around it are about."""
        begin = "start"
        if inside is not None:
            begin = f"s_{inside}"
            if around[-1].endswith(".i"):
                self.nodes.append(add_one(f"add_{inside}", around[-1], inside=inside))
                self.links.append(f"{begin}>add_{inside}")
                begin = f"add_{inside}"
        outputs = {step.id: step.output for step in _with_output(steps)}
        for step in steps:
            self.links.extend(f"{source or begin}:{way}>{step.id}" for source, way in step.after)
            if step.kind == "if-else":
                self.nodes.append(_choice(step, inside, around[-1]))
            elif step.kind == "script":
                self.nodes.append(script(step.id, inside=inside, **_recourse(step)))
                read = [outputs.get(source) for source, _ in step.after]
                self.scripts[step.id] = _script(step, around, read)
            else:
                self.nodes.extend(self.container(step, inside))
                self.frame(step.body, step.id, (*around, step.item))

    def container(self, step: Step, inside: str | None) -> Any:
        if step.kind == "loop":
            counter = constant("i", "number", 0)
            return loop(step.id, step.rounds, counter, inside=inside, **_recourse(step))
        result = _result(step)
        return iteration(
            step.id,
            "start.l",
            f"{step.id}.none" if result is None else result.output,
            inside=inside,
            is_parallel=self.is_parallel,
            parallel_nums=step.at_once,
            error_handle_mode=step.mode,
            flatten_output=False,
            **_recourse(step),
        )


def _recourse(step: Step) -> dict[str, Any]:
    if step.recourse is None:
        return {}
    default = {"key": _OUTPUTS[step.kind], "type": "number", "value": DEFAULT}
    return {"error_strategy": step.recourse, "default_value": [default]}


def _choice(step: Step, inside: str | None, item: str) -> Any:
    is_number = item.endswith(".i")
    condition = {
        "variable_selector": item.split("."),
        "comparison_operator": "=" if is_number else "is",
        "value": "1" if is_number else "a",
    }
    case = {"case_id": "c", "logical_operator": "and", "conditions": [condition]}
    return node(step.id, "if-else", parent_id=inside, cases=[case])


def _script(step: Step, around: tuple[str, ...], read: list[str | None]) -> Script:
    def value(look_up: Any) -> dict[str, Value]:
        before = [None if dotted is None else look_up(dotted) for dotted in read]
        try:
            return {"r": _script_value(step, tuple(look_up(each) for each in around), before)}
        except Boom as error:
            raise ValueError("boom") from error

    async def value_later(look_up: Any) -> dict[str, Value]:
        for _ in range(crc32(repr((step.id, look_up(around[-1]))).encode()) % 4):
            await asyncio.sleep(0)
        return value(look_up)

    return value_later if step.waits else value
