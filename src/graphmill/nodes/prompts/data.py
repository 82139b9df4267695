"""What the YAML says in every node that calls a model (`nodes §4`)."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from pydantic import Field

from graphmill.dsl.rules import ModelUse
from graphmill.nodes.base import Section, SelectorField
from graphmill.ports.models import Mode, ModelRef

MOST_TURNS: Final = 500
"""Of a memory without a window (`nodes §4.2`)."""


class ModelData(Section):
    provider: str
    name: str
    mode: Mode
    completion_params: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def ref(self) -> ModelRef:
        return ModelRef(self.provider, self.name)


class HasModel(Protocol):
    """Data of a node that calls a model."""

    @property
    def model(self) -> ModelData: ...


def models_of(data: HasModel) -> tuple[ModelUse, ...]:
    """For the checker."""
    return (ModelUse(data.model.provider, data.model.name, ("model", "provider")),)


class VisionConfigs(Section):
    variable_selector: SelectorField = ("sys", "files")
    detail: Literal["high", "low"] = "high"


class VisionData(Section):
    enabled: bool = False
    configs: VisionConfigs = VisionConfigs()


class RolePrefix(Section):
    user: str = ""
    assistant: str = ""


class MemoryWindow(Section):
    enabled: bool = False
    size: int = MOST_TURNS


class MemoryData(Section):
    window: MemoryWindow = MemoryWindow()
    role_prefix: RolePrefix | None = None
    query_prompt_template: str = ""
