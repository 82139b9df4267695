"""What a user might ask next, as a model of the app guesses it (`service-api §24.2`)."""

import logging
from contextlib import aclosing
from typing import Final

from graphmill.dsl.model import Workflow
from graphmill.errors import ModelError
from graphmill.jsontext import decode
from graphmill.ports.models import ChatRequest, Message, ModelRef, Models, Role
from graphmill.service.apps.catalog import Version
from graphmill.storage.messages import Message as Said
from graphmill.storage.messages import MessageStore

REMEMBERED: Final = 3
"""Turns that the model is shown."""
QUESTIONS: Final = 3
_REQUEST: Final = (
    "Guess the three questions that the user is most likely to ask next in this conversation. "
    "Keep each below 20 words and in the user's language. "
    'Answer with a JSON array of three texts and nothing else, such as ["a", "b", "c"].'
)

logger = logging.getLogger(__name__)


class Suggestions:
    """Asks the model of the workflow's last llm node; apps without one suggest nothing."""

    def __init__(self, models: Models, messages: MessageStore) -> None:
        self._models = models
        self._messages = messages

    async def next_questions(self, version: Version, message: Said) -> list[str]:
        """After `message`. None when the model fails, as in Dify: the chat goes on without."""
        model = _model_of(version.workflow)
        if model is None:
            return []
        history = await self._messages.page(message.conversation_id, before=None, limit=REMEMBERED)
        talk = "\n".join(f"User: {each.query}\nAssistant: {each.answer}" for each in history)
        request = ChatRequest(model, (Message(Role.USER, f"{talk}\n\n{_REQUEST}"),))
        try:
            async with aclosing(self._models.chat(request)) as pieces:
                reply = "".join([piece.text async for piece in pieces])
        except ModelError as error:
            logger.warning("No questions were suggested: %s", error)
            return []
        return _questions_in(reply)


def _model_of(workflow: Workflow) -> ModelRef | None:
    for node in reversed(workflow.nodes):
        if node.type == "llm":
            model = node.data["model"]
            return ModelRef(str(model["provider"]), str(model["name"]))
    return None


def _questions_in(reply: str) -> list[str]:
    """The texts of the JSON array in `reply`, around which models like to chat."""
    start, end = reply.find("["), reply.rfind("]") + 1
    try:
        questions = decode(reply[start:end].encode()) if 0 <= start < end else []
    except ValueError:
        return []
    return [text for text in questions if isinstance(text, str)][:QUESTIONS]
