"""LangGraph: a compiled StateGraph with async nodes."""

import operator
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any, Final, TypedDict

import aiohttp
import jinja2
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from peers import Prepare, all_at_once, one_by_one, templates
from workloads import AT_ONCE, EXPECTED, ITEMS_AT_ONCE, question

RUNS: Final = {
    "W0": 200, "W1": 40, "W1L": 4, "W2": 40, "W3": 40, "W4S": 20, "W4": 2, "W4P": 2,
    "W5": 5, "W5c": 200,
}  # fmt: skip


class State(TypedDict):
    q: str | list[str]
    out: str | list[str]
    parts: Annotated[list[str], operator.add]


Change = dict[str, Any]
Node = Callable[[State], Awaitable[Change]]


def build(workload: str, url: str) -> Prepare:
    graph = StateGraph(State)
    BUILDERS[workload](graph, url)
    app = graph.compile()
    config: dict[str, Any] = {"recursion_limit": 2000}
    if workload == "W4P":
        config["max_concurrency"] = ITEMS_AT_ONCE

    async def run() -> object:
        result = await app.ainvoke({"q": question(workload), "parts": []}, config)
        return result["out"]

    repeat = all_at_once if workload in AT_ONCE else one_by_one
    return repeat(run, EXPECTED[workload])


def _no_op(graph: StateGraph[State], url: str) -> None:
    graph.add_node("end", _answer)
    graph.add_edge(START, "end")
    graph.add_edge("end", END)


def _chain(length: int) -> Callable[[StateGraph[State], str], None]:
    def add(graph: StateGraph[State], url: str) -> None:
        previous = START
        for number, template in enumerate(templates(length)):
            graph.add_node(f"t{number}", _render(template))
            graph.add_edge(previous, f"t{number}")
            previous = f"t{number}"
        graph.add_edge(previous, END)

    return add


def _fan_out(graph: StateGraph[State], url: str) -> None:
    _parallel(graph, [_part(template) for template in templates(50)])


def _http(graph: StateGraph[State], url: str) -> None:
    _parallel(graph, [_get(url)] * 20)


def _http_then_template(graph: StateGraph[State], url: str) -> None:
    async def render(state: State) -> Change:
        return {"out": template.render(x=state["parts"][0])}

    (template,) = templates(1)
    graph.add_node("get", _get(url))
    graph.add_node("render", render)
    graph.add_edge(START, "get")
    graph.add_edge("get", "render")
    graph.add_edge("render", END)


def _ladder(graph: StateGraph[State], url: str) -> None:
    names = [*(f"if{number}" for number in range(10)), "end"]
    graph.add_edge(START, names[0])
    for number, name in enumerate(names[:-1]):
        graph.add_node(name, _nothing)
        following = names[number + 1]
        graph.add_conditional_edges(name, _turn(f"never {number}", following), [following, END])
    graph.add_node("end", _answer)
    graph.add_edge("end", END)


def _one_by_one(graph: StateGraph[State], url: str) -> None:
    async def item(state: State) -> Change:
        return {"parts": [template.render(x=state["q"][len(state["parts"])])]}

    def onward(state: State) -> str:
        return "item" if len(state["parts"]) < len(state["q"]) else "end"

    (template,) = templates(1)
    graph.add_node("item", item)
    graph.add_node("end", _collect)
    graph.add_edge(START, "item")
    graph.add_conditional_edges("item", onward, ["item", "end"])
    graph.add_edge("end", END)


def _some_at_once(graph: StateGraph[State], url: str) -> None:
    async def item(one: str) -> Change:
        return {"parts": [template.render(x=one)]}

    def each(state: State) -> list[Send]:
        return [Send("item", one) for one in state["q"]]

    (template,) = templates(1)
    graph.add_node("item", item)
    graph.add_node("end", _collect)
    graph.add_conditional_edges(START, each, ["item"])
    graph.add_edge("item", "end")
    graph.add_edge("end", END)


BUILDERS: Final = {
    "W0": _no_op,
    "W1": _chain(20),
    "W1L": _chain(200),
    "W2": _fan_out,
    "W3": _ladder,
    "W4S": _one_by_one,
    "W4": _one_by_one,
    "W4P": _some_at_once,
    "W5": _http,
    "W5c": _http_then_template,
}


def _parallel(graph: StateGraph[State], nodes: list[Node]) -> None:
    """The nodes side by side and a join."""

    async def join(state: State) -> Change:
        return {"out": state["parts"][0]}

    names = [f"p{number}" for number in range(len(nodes))]
    graph.add_node("join", join)
    for name, node in zip(names, nodes, strict=True):
        graph.add_node(name, node)
        graph.add_edge(START, name)
    graph.add_edge(names, "join")
    graph.add_edge("join", END)


async def _answer(state: State) -> Change:
    return {"out": state["q"]}


async def _collect(state: State) -> Change:
    return {"out": state["parts"]}


async def _nothing(state: State) -> Change:
    return {}


def _render(template: jinja2.Template) -> Node:
    async def node(state: State) -> Change:
        return {"out": template.render(x=state.get("out") or state["q"])}

    return node


def _part(template: jinja2.Template) -> Node:
    async def node(state: State) -> Change:
        return {"parts": [template.render(x=state["q"])]}

    return node


def _get(url: str) -> Node:
    # Made by the first call, for it belongs to the running loop; shared by all runs.
    @cache
    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def node(state: State) -> Change:
        async with session().get(url) as answer:
            return {"parts": [await answer.text()]}

    return node


def _turn(expected: str, following: str) -> Callable[[State], str]:
    def turn(state: State) -> str:
        return END if state["q"] == expected else following

    return turn
