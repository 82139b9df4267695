"""Runs the node: fill the prompt, call the model, show and read the reply."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.usage import usage_metadata
from graphmill.errors import ModelError, TemplateFailed
from graphmill.nodes.base import NodePorts, NodeType
from graphmill.nodes.llm.data import LlmData
from graphmill.nodes.llm.prompt import LlmPrompt, required_selectors
from graphmill.nodes.llm.shown import AsItComes, Shown, ThoughtsApart
from graphmill.nodes.llm.structured import with_schema
from graphmill.nodes.prompts.call import Reply, call_record, error_type, whole_reply
from graphmill.nodes.prompts.data import models_of
from graphmill.nodes.prompts.parameters import Parameters
from graphmill.nodes.prompts.text import PromptInvalid
from graphmill.nodes.replies.json_text import ReplyInvalid, repaired_object
from graphmill.nodes.replies.thinking import split_thoughts
from graphmill.ports.models import ChatRequest, Feature
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value


class Llm:
    def __init__(self, node_id: str, data: LlmData, ports: NodePorts) -> None:
        self._model = data.model
        self._ref = data.model.ref
        self._parameters = Parameters(data.model.completion_params)
        self._prompt = LlmPrompt(data, ports)
        self._schema = data.reply_schema
        self._is_separated = data.reasoning_format == "separated"
        self._shown = ThoughtsApart if self._is_separated and ports.reasoning_chunks else AsItComes
        self._models = ports.models
        self._selector = (node_id, "text")

    async def run(self, context: NodeContext) -> Outcome:
        inputs: dict[str, Value] = {}
        try:
            request = await self._request(context, inputs)
            reply = await self._call(request, self._shown(context.progress, self._selector))
        except PromptInvalid as error:
            return Failed(str(error), error.kind, inputs)
        except TemplateFailed as error:
            return Failed(str(error), "CodeExecutionError", inputs)
        except ModelError as error:
            return Failed(str(error), error_type(error), inputs)
        metadata = usage_metadata(reply.usage)
        record = call_record(self._model, request, reply)
        try:
            outputs = await self._outputs(reply)
        except ReplyInvalid as error:
            message = f"Failed to parse structured output (stage=result, path=$): {error}"
            return Failed(
                message, "LLMNodeError", inputs, record, metadata=metadata, usage=reply.usage
            )
        outputs["usage"] = record["usage"]
        return Succeeded(outputs, inputs, record, metadata, usage=reply.usage)

    async def _request(self, context: NodeContext, inputs: dict[str, Value]) -> ChatRequest:
        parameters = self._parameters.render(context.pool)
        messages = await self._prompt.fill(context, parameters, inputs)
        schema = self._schema
        if schema is not None and Feature.STRUCTURED_OUTPUT not in self._models.features(self._ref):
            messages, schema = with_schema(messages, schema), None
        return ChatRequest(
            self._ref,
            messages,
            self._prompt.mode,
            parameters,
            self._parameters.stop,
            json_schema=schema,
            user=context.run.end_user_id,
        )

    async def _call(self, request: ChatRequest, shown: Shown) -> Reply:
        reply = await whole_reply(self._models.chat(request), shown.tell)
        await shown.end()
        return reply

    async def _outputs(self, reply: Reply) -> dict[str, Value]:
        """Raises ReplyInvalid."""
        text, thoughts = split_thoughts(reply.text) if self._is_separated else (reply.text, "")
        outputs: dict[str, Value] = {
            "text": text,
            "reasoning_content": thoughts,
            "finish_reason": reply.finish_reason,
        }
        if self._schema is not None:
            outputs["structured_output"] = await repaired_object(reply.text)
        return outputs


def _build(node_id: str, data: LlmData, ports: NodePorts) -> Llm:
    return Llm(node_id, data, ports)


def _output_names(data: LlmData) -> frozenset[str]:
    names = {"text", "reasoning_content", "usage", "finish_reason"}
    return frozenset(names if data.reply_schema is None else names | {"structured_output"})


def _reads(data: LlmData) -> tuple[Selector, ...]:
    jinja = [variable.value_selector for variable in data.prompt_config.jinja2_variables]
    context = [data.context.variable_selector] if data.context.enabled else []
    vision = [data.vision.configs.variable_selector] if data.vision.enabled else []
    parameters = Parameters(data.model.completion_params).selectors
    return (*required_selectors(data), *jinja, *filter(None, context), *vision, *parameters)


LLM: Final = NodeType(
    "llm",
    LlmData,
    _build,
    retries=True,
    output_names=_output_names,
    reads=_reads,
    models=models_of,
)
