"""The workflows that every engine here runs, as Dify files.

W0 start → end; W1 a chain of 20 templates; W1L of 200; W2 50 templates in parallel and a join; W3 a
ladder of 10 if-else nodes; W4 an iteration with a template over 1000 items, W4S over 50, W4P over
1000 and 10 of them at a time; W5 20 http-request nodes in parallel, each answered after 100 ms; W5c
200 runs at once of an http-request and a template. `load W1` and `load W2` read and build the file
and run nothing.
"""

import json
from typing import Any, Final

import yaml

Node = dict[str, Any]
Edge = dict[str, Any]

BATCHES: Final = 3
"""That a process measures, behind one to warm up."""
AT_ONCE: Final = frozenset({"W5c"})
"""The workloads whose runs all run at the same time."""
LOADS: Final = {"load W1": "W1", "load W2": "W2"}
ITEMS: Final = {"W4S": 50, "W4": 1000, "W4P": 1000}
"""What the iterations go through."""
ITEMS_AT_ONCE: Final = 10
"""Of W4P."""
EXPECTED: Final = {
    "W0": "x",
    "W1": "x" + "." * 20,
    "W1L": "x" + "." * 200,
    "W2": "x.",
    "W3": "x",
    "W5": '{"ok":true}',
    "W5c": '{"ok":true}.',
    **{workload: [f"{number}." for number in range(count)] for workload, count in ITEMS.items()},
}
"""The output `out`."""


def question(workload: str) -> str | list[str]:
    """The input `q`."""
    return [str(number) for number in range(ITEMS[workload])] if workload in ITEMS else "x"


def document(workload: str, url: str) -> str:
    """The Dify file; `url` is what its http-request nodes get."""
    match workload:
        case "W0":
            return no_op()
        case "W1":
            return chain(20)
        case "W1L":
            return chain(200)
        case "W2":
            return fan_out(50)
        case "W3":
            return ladder(10)
        case "W4" | "W4S":
            return iteration(1)
        case "W4P":
            return iteration(ITEMS_AT_ONCE)
        case "W5":
            return parallel_http(20, url)
        case "W5c":
            return http_then_template(url)
    raise SystemExit(f"no such workload: {workload!r}")


def as_yaml(text: str) -> str:
    """The document in the form in which Dify exports it."""
    return yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True)


def _node(node_id: str, node_type: str, **data: Any) -> Node:
    return {
        "id": node_id,
        "type": "custom",
        "position": {"x": 0, "y": 0},
        "data": {"type": node_type, "title": node_id, "desc": "", "selected": False, **data},
    }


def _edge(source: str, target: str, handle: str = "source") -> Edge:
    return {
        "id": f"{source}-{handle}-{target}-target",
        "type": "custom",
        "source": source,
        "sourceHandle": handle,
        "target": target,
        "targetHandle": "target",
        "data": {"sourceType": "", "targetType": "", "isInIteration": False, "isInLoop": False},
    }


def _document(name: str, nodes: list[Node], edges: list[Edge]) -> str:
    """JSON is YAML too, and every loader reads it the same way."""
    start = _node(
        "start",
        "start",
        variables=[
            {
                "variable": "q",
                "label": "q",
                "type": "text-input",
                "required": True,
                "max_length": 256,
            }
        ],
    )
    return json.dumps(
        {
            "kind": "app",
            "version": "0.3.0",
            "app": {
                "name": name,
                "mode": "workflow",
                "description": "",
                "icon": "x",
                "icon_background": "#FFEAD5",
                "use_icon_as_answer_icon": False,
            },
            "dependencies": [],
            "workflow": {
                "conversation_variables": [],
                "environment_variables": [],
                "features": {},
                "graph": {
                    "nodes": [start, *nodes],
                    "edges": edges,
                    "viewport": {"x": 0, "y": 0, "zoom": 1},
                },
            },
        }
    )


def _template(node_id: str, source: list[str]) -> Node:
    return _node(
        node_id,
        "template-transform",
        template="{{ x }}.",
        variables=[{"variable": "x", "value_selector": source, "value_type": "string"}],
    )


def _end(**outputs: list[str]) -> Node:
    return _node(
        "end",
        "end",
        outputs=[
            {"variable": name, "value_selector": selector, "value_type": "string"}
            for name, selector in outputs.items()
        ],
    )


def no_op() -> str:
    return _document("W0", [_end(out=["start", "q"])], [_edge("start", "end")])


def streamed() -> str:
    """start → llm → end; the model is asked with what the run is given."""
    node = _node(
        "llm",
        "llm",
        model={"provider": "openai", "name": "bench", "mode": "chat", "completion_params": {}},
        prompt_template=[{"role": "user", "text": "{{#start.q#}}"}],
        context={"enabled": False},
    )
    edges = [_edge("start", "llm"), _edge("llm", "end")]
    return _document("tokens", [node, _end(out=["llm", "text"])], edges)


def chunks(count: int, at_once: int) -> str:
    """start → chunks → end; the node type is that of `chunk_server.py`."""
    node = _node("chunks", "chunks", count=count, at_once=at_once)
    edges = [_edge("start", "chunks"), _edge("chunks", "end")]
    return _document("chunks", [node, _end(out=["chunks", "text"])], edges)


def code(language: str) -> str:
    """start → code → end; `language` is python3 or javascript."""
    sources = {
        "python3": "def main(q):\n    return {'out': q + '.'}",
        "javascript": "function main({q}) { return {out: q + '.'} }",
    }
    node = _node(
        "code",
        "code",
        code_language=language,
        code=sources[language],
        variables=[{"variable": "q", "value_selector": ["start", "q"]}],
        outputs={"out": {"type": "string", "children": None}},
    )
    edges = [_edge("start", "code"), _edge("code", "end")]
    return _document("code", [node, _end(out=["code", "out"])], edges)


def chain(length: int) -> str:
    nodes, edges, previous, selector = [], [], "start", ["start", "q"]
    for number in range(length):
        name = f"t{number}"
        nodes.append(_template(name, selector))
        edges.append(_edge(previous, name))
        previous, selector = name, [name, "output"]
    return _document(
        f"chain of {length}", [*nodes, _end(out=selector)], [*edges, _edge(previous, "end")]
    )


def fan_out(width: int) -> str:
    names = [f"t{number}" for number in range(width)]
    nodes = [_template(name, ["start", "q"]) for name in names]
    join = _node(
        "join",
        "variable-aggregator",
        output_type="string",
        variables=[[name, "output"] for name in names],
    )
    edges = [_edge("start", name) for name in names] + [_edge(name, "join") for name in names]
    return _document(
        "W2", [*nodes, join, _end(out=["join", "output"])], [*edges, _edge("join", "end")]
    )


def ladder(steps: int) -> str:
    nodes, edges, previous, handle = [], [], "start", "source"
    for number in range(steps):
        name = f"if{number}"
        condition = {
            "id": "c",
            "varType": "string",
            "variable_selector": ["start", "q"],
            "comparison_operator": "is",
            "value": f"never {number}",
        }
        case = {"id": "yes", "case_id": "yes", "logical_operator": "and", "conditions": [condition]}
        nodes.append(_node(name, "if-else", cases=[case]))
        edges.append(_edge(previous, name, handle))
        previous, handle = name, "false"
    return _document(
        "W3", [*nodes, _end(out=["start", "q"])], [*edges, _edge(previous, "end", handle)]
    )


def iteration(at_once: int) -> str:
    """start → iteration (template) → end"""
    around = _node(
        "it",
        "iteration",
        iterator_selector=["start", "q"],
        output_selector=["t", "output"],
        output_type="array[string]",
        start_node_id="itstart",
        is_parallel=at_once > 1,
        parallel_nums=at_once,
        error_handle_mode="terminated",
        flatten_output=False,
    )
    beginning = _node("itstart", "iteration-start", isInIteration=True)
    template = _template("t", ["it", "item"])
    template["data"] |= {"isInIteration": True, "iteration_id": "it"}
    for node in (beginning, template):
        node["parentId"] = "it"
    edges = [_edge("start", "it"), _edge("itstart", "t"), _edge("it", "end")]
    return _document("W4", [around, beginning, template, _end(out=["it", "output"])], edges)


def iterating_chat(items: int, at_once: int) -> str:
    """The same over a variable of the conversation; the answer is the item of the last round."""
    document = json.loads(iteration(at_once))
    document["app"]["mode"] = "advanced-chat"
    workflow = document["workflow"]
    workflow["conversation_variables"] = [
        {
            "id": "6d0b5f2e-6f0a-4f5d-9a57-0d4b8f6a1c11",
            "name": "items",
            "value_type": "array[string]",
            "value": [str(number) for number in range(items)],
        },
    ]
    nodes = workflow["graph"]["nodes"]
    nodes[1]["data"]["iterator_selector"] = ["conversation", "items"]
    last = _node(
        "last",
        "list-operator",
        variable=["it", "output"],
        var_type="array[string]",
        item_var_type="string",
        filter_by={"enabled": False, "conditions": []},
        order_by={"enabled": False, "key": "", "value": "asc"},
        extract_by={"enabled": False, "serial": "1"},
        limit={"enabled": False, "size": 10},
    )
    nodes[-1:] = [last, _node("answer", "answer", answer="{{#last.last_record#}}")]
    workflow["graph"]["edges"][-1:] = [_edge("it", "last"), _edge("last", "answer")]
    return json.dumps(document)


def parallel_http(width: int, url: str) -> str:
    names = [f"h{number}" for number in range(width)]
    nodes = [
        _node(
            name,
            "http-request",
            method="get",
            url=url,
            authorization={"type": "no-auth", "config": None},
            headers="",
            params="",
            body={"type": "none", "data": []},
            timeout={"max_connect_timeout": 0, "max_read_timeout": 0, "max_write_timeout": 0},
            variables=[],
        )
        for name in names
    ]
    edges = [_edge("start", name) for name in names] + [_edge(name, "end") for name in names]
    return _document("W5", [*nodes, _end(out=[names[0], "body"])], edges)


def http_then_template(url: str, *, retry_after_seconds: int | None = None) -> str:
    """W5c: what 200 concurrent runs do. With `retry_after_seconds`, a run whose request fails waits
    so long and holds no connection meanwhile."""
    document = json.loads(parallel_http(1, url))
    graph = document["workflow"]["graph"]
    if retry_after_seconds is not None:
        graph["nodes"][1]["data"]["retry_config"] = {
            "retry_enabled": True,
            "max_retries": 1,
            "retry_interval": retry_after_seconds * 1000,
        }
    graph["nodes"][-1:] = [_template("t", ["h0", "body"]), _end(out=["t", "output"])]
    graph["edges"] = [_edge("start", "h0"), _edge("h0", "t"), _edge("t", "end")]
    return json.dumps(document)
