"""Memory: what was said before in the conversation, as part of a prompt (`nodes §4.2`)."""

from collections.abc import Mapping, Sequence
from typing import Final

from graphmill.engine.run import Run
from graphmill.nodes.prompts.data import MOST_TURNS, MemoryData
from graphmill.nodes.prompts.messages import file_parts, files_in
from graphmill.ports.conversations import Conversations, PastTurn
from graphmill.ports.models import Message, ModelRef, Models, Role
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Value

ROOM: Final = 2000
"""Tokens for what was said, where the size of the model's context is not known."""
_BYTES_A_TOKEN: Final = 3
_FILE_TOKENS: Final = 1000
_QUERY: Final = ("sys", "query")

Turn = tuple[Message, Message]
"""What a user said, and the answer."""


class Memory:
    """That of one node."""

    def __init__(self, data: MemoryData, detail: str, conversations: Conversations) -> None:
        """`detail`: how well images are shown to the model."""
        # In Dify the turn that is under way counts as one of the window's.
        window = data.window
        self._limit = min(window.size - 1, MOST_TURNS) if window.enabled else MOST_TURNS
        self._query = Template.parse(data.query_prompt_template)
        self._detail = detail
        self._conversations = conversations

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """What the query refers to; all of it must exist."""
        return self._query.selectors

    def query(self, pool: Pool) -> str:
        """What the user says now: chat prompts end with it."""
        if self._query.segments:
            return self._query.render(pool)
        value = pool.find(_QUERY)
        return value if isinstance(value, str) else ""

    async def turns(self, run: Run, *, room: int) -> list[Turn]:
        """The last turns, oldest first, as many as fit into `room` tokens, and one at least.

        Raises StoreError and PromptInvalid."""
        if self._limit < 1:
            return []
        past = await self._conversations.turns(run, limit=self._limit)
        turns = [self._turn(turn) for turn in past]
        sizes = [estimated_tokens(turn) for turn in turns]
        first, size = 0, sum(sizes)
        while size > room and first < len(turns) - 1:
            size -= sizes[first]
            first += 1
        return turns[first:]

    def _turn(self, turn: PastTurn) -> Turn:
        parts = file_parts(files_in(list(turn.files)), self._detail)
        said = Message(Role.USER, (turn.query, *parts) if parts else turn.query)
        return said, Message(Role.ASSISTANT, turn.answer)


def room_for_memory(
    models: Models, model: ModelRef, parameters: Mapping[str, Value], prompt: Sequence[Message]
) -> int:
    """Tokens that the rest of the prompt and the reply leave. Raises ModelError."""
    size = models.context_size(model)
    if size is None:
        return ROOM
    reply = parameters.get("max_tokens")
    return size - (reply if isinstance(reply, int) else 0) - estimated_tokens(prompt)


def as_text(turns: Sequence[Turn], *, user: str, assistant: str) -> str:
    """One line a message, begun with who said it."""
    names = {Role.USER: user, Role.ASSISTANT: assistant}
    return "\n".join(
        f"{names[message.role]}: {_text(message)}" for turn in turns for message in turn
    )


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Rather too many than too few; the tokens of a model are known to its provider only."""
    return sum(
        len(part.encode(errors="replace")) // _BYTES_A_TOKEN + 1
        if isinstance(part, str)
        else _FILE_TOKENS
        for message in messages
        for part in ([message.content] if isinstance(message.content, str) else message.content)
    )


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part for part in message.content if isinstance(part, str))
