"""Runs the node: ask the model, read what it found."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.usage import usage_metadata
from graphmill.errors import ModelError
from graphmill.nodes.base import NodePorts, NodeType
from graphmill.nodes.parameter_extractor.data import ParameterData, ParameterExtractorData
from graphmill.nodes.parameter_extractor.prompts import (
    CALL_EXAMPLES,
    CALL_SYSTEM,
    TEXT_EXAMPLES,
    TEXT_SYSTEM,
    question,
    tool_schema,
)
from graphmill.nodes.parameter_extractor.values import complaint, converted
from graphmill.nodes.prompts.asking import Question, asked_selectors
from graphmill.nodes.prompts.call import Reply, call_record, whole_reply
from graphmill.nodes.prompts.data import models_of
from graphmill.nodes.prompts.messages import recorded_call, vision_files
from graphmill.nodes.prompts.text import PromptInvalid
from graphmill.nodes.replies.json_text import first_json
from graphmill.nodes.replies.thinking import without_thoughts
from graphmill.ports.models import ChatRequest, Feature, ToolSchema
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value, render_text

_NOTHING_FOUND: Final = (
    "Failed to extract result from function call or text response, using empty result."
)


class ParameterExtractor:
    def __init__(self, data: ParameterExtractorData, ports: NodePorts) -> None:
        self._model = data.model
        self._query = data.query
        self._parameters = data.parameters
        self._instruction = Template.parse(data.instruction)
        self._vision = data.vision
        self._may_call = data.reasoning_mode == "function_call" and data.model.mode == "chat"
        self._tool = tool_schema(data.parameters)
        self._question = Question(data.model, data.memory, data.vision, ports)
        self._models = ports.models

    async def run(self, context: NodeContext) -> Outcome:
        pool = context.pool
        query = _text(self._query, pool)
        instruction = self._instruction.render(pool)
        inputs: dict[str, Value] = {
            "query": query,
            "files": [],
            "parameters": [_recorded(each) for each in self._parameters],
            "instruction": instruction,
        }
        try:
            inputs["files"] = [*vision_files(self._vision, pool)]
            request = await self._request(context, query, instruction)
            reply = await whole_reply(self._models.chat(request))
        except PromptInvalid as error:
            return _failed(str(error), str(error), inputs)
        except ModelError as error:
            return _failed(str(error), "Failed to invoke model", inputs)
        return self._read(reply, inputs, call_record(self._model, request, reply))

    async def _request(self, context: NodeContext, query: str, instruction: str) -> ChatRequest:
        if self._may_call and Feature.TOOL_CALL in self._models.features(self._model.ref):
            asked = question(query, instruction, None)
            return await self._question.ask(
                context, CALL_SYSTEM, CALL_EXAMPLES, asked, tools=(self._tool,)
            )
        asked = question(query, instruction, self._tool)
        return await self._question.ask(context, TEXT_SYSTEM, TEXT_EXAMPLES, asked)

    def _read(self, reply: Reply, inputs: dict[str, Value], record: dict[str, Value]) -> Succeeded:
        found = _found(reply)
        reason = _NOTHING_FOUND if found is None else complaint(found, self._parameters)
        outputs: dict[str, Value] = {
            "__is_success": 1 if reason is None else 0,
            "__reason": reason,
            "__usage": record["usage"],
            **converted(found or {}, self._parameters),
        }
        process_data: dict[str, Value] = {
            **record,
            "function": _function(self._tool),
            "tool_call": recorded_call(reply.tool_calls[0]) if reply.tool_calls else None,
            "llm_text": reply.text,
        }
        return Succeeded(
            outputs, inputs, process_data, usage_metadata(reply.usage), usage=reply.usage
        )


def _text(selector: Selector, pool: Pool) -> str:
    value = pool.find(selector)
    return "" if isinstance(value, Missing) else render_text(value)


def _recorded(parameter: ParameterData) -> dict[str, Value]:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "options": None if parameter.options is None else [*parameter.options],
        "description": parameter.description,
        "required": parameter.required,
    }


def _found(reply: Reply) -> dict[str, Value] | None:
    """What the model says it found; empty where it is no object, None where it says nothing."""
    if reply.tool_calls:
        called = first_json(reply.tool_calls[0].arguments, "{")
        return called if isinstance(called, dict) else {}
    text = without_thoughts(reply.text)
    found = first_json(text, "{")
    if isinstance(found, dict):
        return found
    return {} if first_json(text, "[") is not None else None


def _function(tool: ToolSchema) -> dict[str, Value]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }


def _failed(error: str, reason: str, inputs: dict[str, Value]) -> Failed:
    outputs: dict[str, Value] = {"__is_success": 0, "__reason": reason, "__error": error}
    return Failed(error, "", inputs, outputs=outputs)


def _build(node_id: str, data: ParameterExtractorData, ports: NodePorts) -> ParameterExtractor:
    return ParameterExtractor(data, ports)


def _output_names(data: ParameterExtractorData) -> frozenset[str]:
    own = {"__is_success", "__reason", "__usage"}
    return frozenset(own.union(each.name for each in data.parameters))


def _reads(data: ParameterExtractorData) -> tuple[Selector, ...]:
    instruction = Template.parse(data.instruction).selectors
    return (data.query, *instruction, *asked_selectors(data.model, data.vision))


PARAMETER_EXTRACTOR: Final = NodeType(
    "parameter-extractor",
    ParameterExtractorData,
    _build,
    output_names=_output_names,
    reads=_reads,
    models=models_of,
)
