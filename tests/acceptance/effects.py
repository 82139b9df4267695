"""What a run does to the outside, counted: peers that remember every call, and workflows that call
them.

A call is named `token/node` or `token/node/round`; the token is the run's input."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from tests.dsl.files import edges, node, page, workflow_text
from tests.nodes.containers.drawing import constant, iteration, loop
from tests.outbound.local_server import LocalServer, Received, local_server

Node = dict[str, Any]

CALLED: Final = "calls"
CALLING: Final = "tool"
"""The workflow that has a run of the other one within each of its own."""
ROUNDS: Final = 3
WORDS: Final = 12
"""That the model says."""
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(64)
USAGE: Final = {"prompt_tokens": 3, "completion_tokens": WORDS, "total_tokens": 3 + WORDS}


@dataclass(slots=True)
class Effects:
    """Takes `/effect/<call>` and chats in OpenAI's protocol; each takes its time."""

    seconds: float = 0.05
    """How long a call takes at most."""
    calls: Counter[str] = field(default_factory=Counter)
    server: LocalServer = field(default_factory=LocalServer)
    _held: set[str] = field(default_factory=set)
    _is_released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return self.server.url

    def hold(self, call: str) -> None:
        """Leave that call without an answer, or in the middle of it, until `release`."""
        self._held.add(call)
        self._is_released.clear()

    def release(self) -> None:
        self._held.clear()
        self._is_released.set()

    async def until_called(self, call: str, *, times: int = 1, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while self.calls[call] < times:
                self.server.asked.clear()
                await self.server.asked.wait()

    async def answer(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if received.target.startswith("/v1/chat/completions"):
            call = json.loads(received.body)["messages"][-1]["content"]
            self.calls[call] += 1
            await self._speak(call, writer)
            return
        call = received.target.removeprefix("/effect/")
        self.calls[call] += 1
        await asyncio.sleep(random.uniform(0, self.seconds))
        await self._let_go(call)
        is_picture = call.endswith("/picture")
        kind, body = ("image/png", PNG) if is_picture else ("text/plain", call.encode())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async def _speak(self, call: str, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        deltas = [{"content": f"{call}-{number} "} for number in range(WORDS)]
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        pieces = [{"choices": [choice]} for choice in choices]
        for number, piece in enumerate([*pieces, {"choices": [], "usage": USAGE}]):
            if number == WORDS // 2:
                await self._let_go(call)
            _write_chunk(writer, f"data: {json.dumps(piece)}\n\n")
            await writer.drain()
            await asyncio.sleep(self.seconds / WORDS)
        _write_chunk(writer, "data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _let_go(self, call: str) -> None:
        if call in self._held:
            await self._is_released.wait()


def _write_chunk(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))


@asynccontextmanager
async def counted_effects(*, seconds: float = 0.05) -> AsyncIterator[Effects]:
    effects = Effects(seconds)
    async with local_server(effects.answer) as server:
        effects.server = server
        yield effects


# --- nodes -----------------------------------------------------------------------------------


START: Final = node(
    "start",
    "start",
    title="Start",
    variables=[{"variable": "token", "label": "T", "type": "text-input", "required": True}],
)


def call(node_id: str, url: str, *, of: str = "", inside: str | None = None) -> Node:
    """Has an effect; `of` is what its name ends with."""
    url = f"{url}/effect/{{{{#start.token#}}}}/{node_id}{of}"
    return page(node_id, url, parent_id=inside)


def model(node_id: str) -> Node:
    return node(
        node_id,
        "llm",
        title=node_id,
        model={"provider": "any", "name": "any", "mode": "chat", "completion_params": {}},
        prompt_template=[{"role": "user", "text": f"{{{{#start.token#}}}}/{node_id}"}],
        context={"enabled": False, "variable_selector": []},
        vision={"enabled": False},
    )


def tool(node_id: str) -> Node:
    """Has a run of the workflow `calls` do its work."""
    return node(
        node_id,
        "tool",
        title=node_id,
        provider_id=CALLED,
        provider_type="workflow",
        provider_name=CALLED,
        tool_name=CALLED,
        tool_parameters={"token": {"type": "variable", "value": ["start", "token"]}},
        tool_configurations={},
    )


def code(node_id: str, source: str, *, kind: str = "string", **inputs: str) -> Node:
    return node(
        node_id,
        "code",
        title=node_id,
        code_language="python3",
        code=source,
        variables=[
            {"variable": name, "value_selector": selector.split(".")}
            for name, selector in inputs.items()
        ],
        outputs={"out": {"type": kind, "children": None}},
    )


def end(**outputs: str) -> Node:
    return node(
        "end",
        "end",
        title="End",
        outputs=[
            {"variable": name, "value_selector": selector.split(".")}
            for name, selector in outputs.items()
        ],
    )


# --- workflows -------------------------------------------------------------------------------


def in_a_row(url: str, *node_ids: str) -> str:
    """Calls, one after the other."""
    names = ["start", *node_ids, "end"]
    links = [f"{source}>{target}" for source, target in pairwise(names)]
    calls = [call(node_id, url) for node_id in node_ids]
    return workflow_text([START, *calls, end(out=f"{node_ids[-1]}.body")], edges(*links))


def mixed_workflows(url: str) -> Mapping[str, str]:
    """By their names; each has side effects and an output `out`."""
    return {
        CALLED: in_a_row(url, "a", "b", "c"),
        CALLING: workflow_text(
            [START, call("d", url), tool("t"), call("e", url), end(out="t.text", e="e.body")],
            edges("start>d", "d>t", "t>e", "e>end"),
        ),
        "code": workflow_text(
            [
                START,
                code(
                    "before", "def main(token):\n    return {'out': token * 2}", token="start.token"
                ),
                call("a", url),
                code("after", "def main(text):\n    return {'out': text.upper()}", text="a.body"),
                end(out="after.out"),
            ],
            edges("start>before", "before>a", "a>after", "after>end"),
        ),
        "branches": workflow_text(
            [
                START,
                call("a", url),
                _decision("a.body"),
                call("b", url),
                call("c", url),
                node(
                    "one",
                    "variable-aggregator",
                    title="One",
                    output_type="string",
                    variables=[["b", "body"], ["c", "body"]],
                ),
                end(out="one.output"),
            ],
            edges("start>a", "a>if", "if:true>b", "if:false>c", "b>one", "c>one", "one>end"),
        ),
        "parallel": workflow_text(
            [
                START,
                *(call(name, url) for name in "abc"),
                end(out="a.body", b="b.body", c="c.body"),
            ],
            edges(*(f"start>{name}" for name in "abc"), *(f"{name}>end" for name in "abc")),
        ),
        "iteration": workflow_text(
            [
                START,
                code(
                    "items",
                    f"def main():\n    return {{'out': [str(n) for n in range({ROUNDS})]}}",
                    kind="array[string]",
                ),
                *iteration("it", "items.out", "a.body", is_parallel=True, parallel_nums=2),
                call("a", url, of="/{{#it.item#}}", inside="it"),
                call("b", url),
                end(out="it.output", b="b.body"),
            ],
            edges("start>items", "items>it", "s_it>a", "it>b", "b>end"),
        ),
        "loop": workflow_text(
            [
                START,
                *loop("lp", ROUNDS, constant("n", "number", 0)),
                call("a", url, of="/{{#lp.n#}}", inside="lp"),
                node(
                    "count",
                    "assigner",
                    parent_id="lp",
                    title="Count",
                    version="2",
                    items=[
                        {
                            "variable_selector": ["lp", "n"],
                            "operation": "+=",
                            "input_type": "constant",
                            "value": 1,
                        }
                    ],
                ),
                call("b", url),
                end(out="lp.n", b="b.body"),
            ],
            edges("start>lp", "s_lp>a", "a>count", "lp>b", "b>end"),
        ),
        "model": workflow_text(
            [START, call("a", url), model("m"), call("b", url), end(out="m.text", b="b.body")],
            edges("start>a", "a>m", "m>b", "b>end"),
        ),
        "file": workflow_text(
            [START, call("picture", url), call("b", url), end(out="picture.files", b="b.body")],
            edges("start>picture", "picture>b", "b>end"),
        ),
    }


def failing(url: str) -> str:
    """Its runs end with an error of their own."""
    source = "def main():\n    raise ValueError('an error of its own')"
    return workflow_text(
        [START, call("a", url), code("broken", source), end(out="broken.out")],
        edges("start>a", "a>broken", "broken>end"),
    )


def _decision(selector: str) -> Node:
    """Which branch depends on the token."""
    condition = {
        "id": "c",
        "varType": "string",
        "variable_selector": selector.split("."),
        "comparison_operator": "contains",
        "value": "1",
    }
    case = {"case_id": "true", "id": "true", "logical_operator": "and", "conditions": [condition]}
    return node("if", "if-else", title="If", cases=[case])
