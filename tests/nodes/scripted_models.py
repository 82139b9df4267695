"""Models that say what a test wrote down, and nodes that ask them."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.run import Run
from graphmill.engine.usage import Usage
from graphmill.errors import ModelError
from graphmill.nodes.base import NodePorts, WaitingNode
from graphmill.ports.conversations import PastTurn
from graphmill.ports.models import ChatPiece, ChatRequest, Feature, ModelRef, ToolCall
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value
from tests.nodes.running import NO_PORTS, build, context_of

USAGE = Usage(12, 3, Decimal("0.0000018"), Decimal("0.0000018"), latency=0.5)
MODEL = {
    "provider": "langgenius/openai/openai",
    "name": "gpt-4o-mini",
    "mode": "chat",
    "completion_params": {"temperature": 0.7},
}
ALL_FEATURES = frozenset(Feature)


@dataclass
class ScriptedModels:
    """`ports.Models`: one model, which says `pieces` whatever it is asked."""

    pieces: Sequence[str] = ("Hel", "lo")
    tool_calls: tuple[ToolCall, ...] = ()
    error: ModelError | None = None
    """Raised after the pieces."""
    known: frozenset[Feature] = ALL_FEATURES
    size: int | None = None
    requests: list[ChatRequest] = field(default_factory=list)
    is_closed: bool = False

    def features(self, model: ModelRef) -> frozenset[Feature]:
        return self.known

    def context_size(self, model: ModelRef) -> int | None:
        return self.size

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        self.requests.append(request)
        try:
            for piece in self.pieces:
                yield ChatPiece(piece)
            if self.error is not None:
                raise self.error
            yield ChatPiece("", self.tool_calls, "stop", USAGE)
        finally:
            self.is_closed = True

    @property
    def prompt(self) -> list[tuple[str, Any]]:
        """Role and content of the messages that it was asked with last."""
        return [(message.role.value, message.content) for message in self.requests[-1].messages]


@dataclass
class Said:
    """`ports.Conversations`: these turns went before."""

    past: Sequence[PastTurn]
    limits: list[int] = field(default_factory=list)

    async def turns(self, run: Run, *, limit: int) -> Sequence[PastTurn]:
        self.limits.append(limit)
        return self.past[-limit:]


@dataclass
class Heard:
    """`engine.context.Progress`: all that a node tells, in order."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    async def text(self, selector: Selector, text: str, *, is_final: bool = False) -> None:
        self.told.append(("text", text, is_final))

    async def reasoning(self, text: str, *, is_final: bool = False) -> None:
        self.told.append(("reasoning", text, is_final))

    async def log(self, entry_id: str, label: str, **entry: Any) -> None:
        raise AssertionError("only agents log")

    async def resources(self, resources: Sequence[Mapping[str, Value]]) -> None:
        self.told.append(("resources", list(resources)))

    @property
    def texts(self) -> list[str]:
        return [told[1] for told in self.told if told[0] == "text"]


async def ask(
    node_type: str,
    data: Mapping[str, Any],
    values: Mapping[str, Mapping[str, Value]] | None = None,
    *,
    models: ScriptedModels | None = None,
    heard: Heard | None = None,
    **ports: Any,
) -> Outcome:
    """What a node that asks a model ends with."""
    all_ports: NodePorts = replace(NO_PORTS, models=models or ScriptedModels(), **ports)
    node = cast("WaitingNode", build(node_type, data, all_ports))
    context: NodeContext = replace(context_of(values), progress=heard or Heard())
    return await node.run(context)


def succeeded(outcome: Outcome) -> Succeeded:
    assert isinstance(outcome, Succeeded), outcome
    return outcome


def failure(outcome: Outcome) -> tuple[str, str]:
    assert isinstance(outcome, Failed), outcome
    return outcome.error, outcome.error_type


def cut(text: str, places: Iterable[int]) -> list[str]:
    """`text` in pieces, cut at those places."""
    ends = sorted({min(place, len(text)) for place in places} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
