"""What the YAML of a parameter-extractor node says."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from graphmill.nodes.base import NodeData, Section, SelectorField
from graphmill.nodes.prompts.data import MemoryData, ModelData, VisionData

ParameterType = Literal[
    "string",
    "number",
    "boolean",
    "array[string]",
    "array[number]",
    "array[object]",
    "array[boolean]",
]
_RESERVED: Final = frozenset({"__reason", "__is_success"})


def _free_name(name: str) -> str:
    if not name:
        raise ValueError("Parameter name is required")
    if name in _RESERVED:
        raise ValueError("Invalid parameter name, __reason and __is_success are reserved")
    return name


class ParameterData(Section):
    name: Annotated[str, AfterValidator(_free_name)]
    type: ParameterType
    options: tuple[str, ...] | None = None
    """The only values, when there are any."""
    description: str = ""
    required: bool = False

    @model_validator(mode="before")
    @classmethod
    def _old_types(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        # A list, say, is left for pydantic to complain of.
        kind = raw.get("type")
        old = {"bool": "boolean", "select": "string"}
        return {**raw, "type": old.get(kind, kind)} if isinstance(kind, str) else raw


class ParameterExtractorData(NodeData):
    query: SelectorField
    model: ModelData
    parameters: tuple[ParameterData, ...]
    instruction: str = ""
    reasoning_mode: Annotated[
        Literal["function_call", "prompt"], BeforeValidator(lambda raw: raw or "function_call")
    ] = "function_call"
    memory: MemoryData | None = None
    vision: VisionData = VisionData()
