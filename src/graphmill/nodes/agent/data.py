"""What the YAML of an agent node says, and what its parameters come to in a run."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from graphmill.dsl.tools import ToolProvider
from graphmill.nodes.base import NodeData, Section
from graphmill.nodes.prompts.data import MemoryData
from graphmill.nodes.tool.arguments import GivenValues
from graphmill.ports.models import Mode, ModelRef
from graphmill.ports.tools import ToolRef
from graphmill.variables.values import Value

ITERATIONS: Final = 3
"""Dify's default."""
MAX_ITERATIONS: Final = 99


class AgentData(NodeData):
    agent_strategy_name: str
    agent_strategy_label: str = ""
    agent_strategy_provider_name: str = ""
    agent_parameters: GivenValues
    memory: MemoryData | None = None


class ModelChoice(Section):
    """A `model-selector` parameter."""

    provider: str
    model: str
    mode: Mode = "chat"
    completion_params: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def ref(self) -> ModelRef:
        return ModelRef(self.provider, self.model)


def _innermost(value: Value) -> Value:
    """Settings are written as `{value: 5}` or `{value: {type: constant, value: 5}}`."""
    while isinstance(value, dict) and "value" in value:
        value = value["value"]
    return value


class ToolExtra(Section):
    description: str = ""


class ToolChoice(Section):
    """One entry of an `array[tools]` parameter."""

    enabled: bool = False
    type: str = "builtin"
    provider_name: str
    tool_name: str
    settings: Mapping[str, Annotated[Any, BeforeValidator(_innermost)]] = Field(
        default_factory=dict
    )
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    extra: ToolExtra = ToolExtra()

    @property
    def ref(self) -> ToolRef:
        provider = ToolProvider(self.type, self.provider_name, self.provider_name)
        return ToolRef(provider, self.tool_name)

    @property
    def fixed(self) -> dict[str, Value]:
        """Values that the author has chosen; the model fills in the others."""
        manual = {
            name: _innermost(given.get("value"))
            for name, given in self.parameters.items()
            if isinstance(given, dict) and not given.get("auto")
        }
        chosen = {**self.settings, **manual}
        return {name: value for name, value in chosen.items() if value is not None}


def _text(value: object) -> object:
    """A variable may hold anything; a text is asked for."""
    return value if isinstance(value, str) else str(value)


class Asked(Section):
    """The parameters of both strategies, with their values of one run."""

    model: ModelChoice
    query: Annotated[str, BeforeValidator(_text)] = ""
    instruction: Annotated[str, BeforeValidator(_text)] = ""
    context: Annotated[str, BeforeValidator(_text)] = ""
    tools: tuple[ToolChoice, ...] = ()
    maximum_iterations: int = Field(ITERATIONS, ge=1, le=MAX_ITERATIONS)


PARAMETERS: Final = frozenset(Asked.model_fields)
