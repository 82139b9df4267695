"""From the templates of an llm node to the messages of its call (`nodes §4.1`)."""

from collections.abc import Mapping
from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.nodes.base import NodePorts
from graphmill.nodes.llm.context import read_context
from graphmill.nodes.llm.data import ChatItem, JinjaVariable, LlmData, PromptItem
from graphmill.nodes.prompts.memory import Memory, Turn, as_text, room_for_memory
from graphmill.nodes.prompts.messages import (
    file_parts,
    readable,
    referenced_files,
    vision_files,
    with_files,
)
from graphmill.nodes.prompts.text import (
    CONTEXT,
    HISTORIES,
    PromptInvalid,
    PromptText,
    check_found,
)
from graphmill.ports.code import TemplateEngine, WaitingTemplate
from graphmill.ports.models import Message, Mode, Role
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value, without_files

_JINJA: Final = "jinja2"


class JinjaText:
    """A prompt in Jinja2, which knows the variables that the node lists."""

    def __init__(self, source: str, templates: TemplateEngine) -> None:
        self._template = templates.compile(source)

    async def render(self, values: Mapping[str, Value]) -> str:
        """Raises TemplateFailed."""
        if isinstance(self._template, WaitingTemplate):
            return await self._template.render_elsewhere(values)
        return self._template.render(values)


class LlmPrompt:
    """A node's prompt, prepared as far as that goes without values."""

    def __init__(self, data: LlmData, ports: NodePorts) -> None:
        template = data.prompt_template
        self.mode: Mode = "completion" if isinstance(template, PromptItem) else "chat"
        items = (template,) if isinstance(template, PromptItem) else template
        self._items = [(_role(item), _text(item, ports.templates)) for item in items]
        self._variables = data.prompt_config.jinja2_variables
        self._context = data.context.variable_selector if data.context.enabled else ()
        self._vision = data.vision
        self._detail = data.vision.configs.detail
        self._models = ports.models
        self._model = data.model.ref
        self._role_prefix = data.memory.role_prefix if data.memory else None
        self._memory = (
            Memory(data.memory, self._detail, ports.conversations) if data.memory else None
        )
        self._required = required_selectors(data)

    async def fill(
        self, context: NodeContext, parameters: Mapping[str, Value], inputs: dict[str, Value]
    ) -> tuple[Message, ...]:
        """The messages; what they are made of is added to `inputs`, for the record.

        Raises PromptInvalid, TemplateFailed, ModelError and StoreError."""
        pool = context.pool
        check_found(self._required, pool)
        variables = _values(self._variables, pool)
        files = vision_files(self._vision, pool)
        if files:
            inputs["#files#"] = [*files]
        knowledge = read_context(pool.find(self._context))
        if knowledge.text:
            inputs["#context#"] = knowledge.text
        if knowledge.resources:
            await context.progress.resources(knowledge.resources)
        fillings = {CONTEXT: knowledge.text} if knowledge.text else {}
        if self.mode == "chat":
            messages = await self._chat(context, parameters, variables, fillings)
        else:
            messages = await self._completion(context, parameters, variables, fillings)
        shown = with_files(messages, files, self._detail)
        return readable(shown, self._models.features(self._model))

    async def _chat(
        self,
        context: NodeContext,
        parameters: Mapping[str, Value],
        variables: Mapping[str, Value],
        fillings: Mapping[str, str],
    ) -> list[Message]:
        messages: list[Message] = []
        for role, text in self._items:
            if isinstance(text, JinjaText):
                messages.append(Message(role, await text.render(variables)))
                continue
            messages.append(Message(role, text.render(context.pool, fillings)))
            # What it refers to follows as a message of its own (recorded).
            files = referenced_files(text.selectors, context.pool)
            messages.append(Message(role, file_parts(files, self._detail)))
        if self._memory is not None:
            turns = await self._turns(self._memory, context, parameters, messages)
            messages += [message for turn in turns for message in turn]
            messages.append(Message(Role.USER, self._memory.query(context.pool)))
        return [message for message in messages if message.content]

    async def _completion(
        self,
        context: NodeContext,
        parameters: Mapping[str, Value],
        variables: Mapping[str, Value],
        fillings: Mapping[str, str],
    ) -> list[Message]:
        ((role, text),) = self._items
        turns: list[Turn] = []
        if self._memory is not None:
            turns = await self._turns(self._memory, context, parameters, [])
        said = self._said(turns)
        if isinstance(text, JinjaText):
            prompt = await text.render(variables)
        else:
            prompt = text.render(context.pool, {**fillings, HISTORIES: said})
            if HISTORIES in text.pieces:
                return [Message(role, prompt)]
        # The line break is there even where nothing was said (recorded).
        return [Message(role, f"{said}\n{prompt}" if prompt else "")]

    def _said(self, turns: list[Turn]) -> str:
        if not turns:
            return ""
        if self._role_prefix is None:
            raise PromptInvalid(
                "Memory role prefix is required for completion model.",
                "MemoryRolePrefixRequiredError",
            )
        return as_text(turns, user=self._role_prefix.user, assistant=self._role_prefix.assistant)

    async def _turns(
        self,
        memory: Memory,
        context: NodeContext,
        parameters: Mapping[str, Value],
        messages: list[Message],
    ) -> list[Turn]:
        room = room_for_memory(self._models, self._model, parameters, messages)
        return await memory.turns(context.run, room=room)


def required_selectors(data: LlmData) -> tuple[Selector, ...]:
    """What plain texts refer to: all of it must be there."""
    template = data.prompt_template
    items = (template,) if isinstance(template, PromptItem) else template
    texts = [item.text for item in items if not _is_jinja(item)]
    if data.memory is not None:
        texts.append(data.memory.query_prompt_template)
    return tuple(each for text in texts for each in PromptText.parse(text).selectors)


def _is_jinja(item: PromptItem) -> bool:
    return item.edition_type == _JINJA and bool(item.jinja2_text)


def _role(item: PromptItem) -> Role:
    return item.role if isinstance(item, ChatItem) else Role.USER


def _text(item: PromptItem, templates: TemplateEngine) -> PromptText | JinjaText:
    if _is_jinja(item):
        return JinjaText(item.jinja2_text, templates)
    return PromptText.parse(item.text)


def _values(variables: tuple[JinjaVariable, ...], pool: Pool) -> dict[str, Value]:
    """Raises PromptInvalid."""
    values: dict[str, Value] = {}
    for variable in variables:
        value = pool.find(variable.value_selector)
        if isinstance(value, Missing):
            raise PromptInvalid(f"Variable {variable.variable} not found", "VariableNotFoundError")
        values[variable.variable] = without_files(value)
    return values
