"""What the YAML of an llm node says."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AliasChoices, Field

from graphmill.nodes.base import NodeData, Section, SelectorField
from graphmill.nodes.prompts.data import MemoryData, ModelData, VisionData
from graphmill.ports.models import Role


class PromptItem(Section):
    """The prompt of a completion, or one message of a chat."""

    text: str = ""
    edition_type: str = "basic"
    jinja2_text: str = ""


class ChatItem(PromptItem):
    role: Literal[Role.SYSTEM, Role.USER, Role.ASSISTANT]


class JinjaVariable(Section):
    variable: str
    value_selector: SelectorField


class PromptConfig(Section):
    jinja2_variables: tuple[JinjaVariable, ...] = ()


class ContextData(Section):
    enabled: bool = False
    variable_selector: SelectorField = ()


class StructuredOutput(Section):
    # Not `schema`: that is a method of pydantic's.
    json_schema: Mapping[str, Any] = Field(alias="schema")


class LlmData(NodeData):
    model: ModelData
    prompt_template: tuple[ChatItem, ...] | PromptItem
    prompt_config: PromptConfig = PromptConfig()
    context: ContextData = ContextData()
    vision: VisionData = VisionData()
    memory: MemoryData | None = None
    structured_output_enabled: bool = Field(
        default=False,
        validation_alias=AliasChoices("structured_output_enabled", "structured_output_switch_on"),
    )
    structured_output: StructuredOutput | None = None
    reasoning_format: Literal["tagged", "separated"] = "tagged"

    @property
    def reply_schema(self) -> Mapping[str, Any] | None:
        """What the reply must match, if anything."""
        if not self.structured_output_enabled or self.structured_output is None:
            return None
        return self.structured_output.json_schema
