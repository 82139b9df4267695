"""Questions that a node asks a model in its own words: what to do, examples, what it is about."""

from collections.abc import Sequence
from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.nodes.base import NodePorts
from graphmill.nodes.prompts.data import MemoryData, ModelData, VisionData
from graphmill.nodes.prompts.memory import Memory, as_text, room_for_memory
from graphmill.nodes.prompts.messages import readable, vision_files, with_files
from graphmill.nodes.prompts.parameters import Parameters
from graphmill.ports.models import ChatRequest, Message, Role, ToolSchema
from graphmill.variables.selectors import Selector

_USER: Final = "Human"
_ASSISTANT: Final = "Assistant"


class Question:
    """What the questions of one node have in common."""

    def __init__(
        self, model: ModelData, memory: MemoryData | None, vision: VisionData, ports: NodePorts
    ) -> None:
        self._ref = model.ref
        self._mode = model.mode
        self._parameters = Parameters(model.completion_params)
        self._vision = vision
        self._detail = vision.configs.detail
        self._memory = Memory(memory, self._detail, ports.conversations) if memory else None
        self._models = ports.models

    async def ask(
        self,
        context: NodeContext,
        system: str,
        examples: Sequence[Message],
        question: str,
        *,
        tools: tuple[ToolSchema, ...] = (),
    ) -> ChatRequest:
        """Raises PromptInvalid, ModelError and StoreError."""
        parameters = self._parameters.render(context.pool)
        asked = [Message(Role.SYSTEM, system), *examples, Message(Role.USER, question)]
        if self._memory is not None:
            room = room_for_memory(self._models, self._ref, parameters, asked)
            turns = await self._memory.turns(context.run, room=room)
            if turns:
                said = as_text(turns, user=_USER, assistant=_ASSISTANT)
                asked[0] = Message(Role.SYSTEM, f"{system}\n\nWhat was said before:\n{said}")
        if self._mode == "completion":
            asked = [Message(Role.USER, _one_text(asked))]
        files = vision_files(self._vision, context.pool)
        return ChatRequest(
            self._ref,
            readable(with_files(asked, files, self._detail), self._models.features(self._ref)),
            self._mode,
            parameters,
            self._parameters.stop,
            tools,
            user=context.run.end_user_id,
        )


def asked_selectors(model: ModelData, vision: VisionData) -> tuple[Selector, ...]:
    """What a question reads besides its own words."""
    files = [vision.configs.variable_selector] if vision.enabled else []
    return (*Parameters(model.completion_params).selectors, *files)


def _one_text(messages: Sequence[Message]) -> str:
    """For models that continue one text: the reply is what follows."""
    names = {Role.SYSTEM: "", Role.USER: f"{_USER}: ", Role.ASSISTANT: f"{_ASSISTANT}: "}
    lines = [f"{names[message.role]}{message.content}" for message in messages]
    return "\n\n".join([*lines, f"{_ASSISTANT}:"])
