"""Conversations with chatflows: taking a turn, and all that was said before.

A conversation belongs to one end user of one app, and so does everything in it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from graphmill.dsl.model import VariableDefinition
from graphmill.engine.run import Replacement, RequestKey, Run, Turn
from graphmill.errors import (
    ConversationNotFound,
    ConversationVariableNotFound,
    InvalidParameter,
    MessageNotFound,
    VariableMismatch,
)
from graphmill.ids import new_id
from graphmill.service.apps.catalog import App, Version
from graphmill.service.files.access import FileAccess
from graphmill.service.runs.inputs import read_inputs
from graphmill.service.runs.runs import LiveRun, Runs
from graphmill.storage.conversations import (
    Conversation,
    ConversationStore,
    ConversationVariable,
    Order,
)
from graphmill.storage.end_users import EndUser
from graphmill.storage.messages import Feedback, Message, MessageStore
from graphmill.variables.values import Value, type_of

UNTITLED: Final = "New conversation"
TITLE_LENGTH: Final = 50
"""Characters of a title that is made of a question."""
_NUMBERS: Final = {"integer": "number", "float": "number"}


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller says, as it came out of the JSON body."""

    query: str
    inputs: Mapping[str, Any]
    files: Sequence[Mapping[str, Any]] = ()
    conversation_id: str | None = None
    """None begins a conversation."""
    names_conversation: bool = True
    """Is a new conversation called after the question?"""


class Conversations:
    def __init__(
        self,
        runs: Runs,
        conversations: ConversationStore,
        messages: MessageStore,
        files: FileAccess,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Call `recover` first."""
        self._runs = runs
        self._conversations = conversations
        self._messages = messages
        self._files = files
        self._clock = clock

    async def recover(self) -> None:
        """End the turns whose runs an earlier process left behind, once it is clear which of these
        go on."""
        await self._messages.end_abandoned()

    async def ask(
        self,
        app: App,
        version: Version,
        question: Question,
        user: EndUser,
        *,
        trace_id: str | None = None,
        request_key: RequestKey | None = None,
    ) -> LiveRun | Message:
        """Take a turn: the run that answers, or the answer at once when the question is not to be
        asked.

        Raises ConversationNotFound, and what `Runs.start` does."""
        turn = await self._turn(version, question, user)
        moderation = version.chat.question_moderation
        if moderation is not None:
            said = [question.query, *map(str, question.inputs.values())]
            if any(map(moderation.is_due, said)):
                return await self._refuse(app, version, question, user, turn, moderation.answer)
        return await self._runs.start(
            app,
            version,
            inputs=question.inputs,
            files=question.files if version.chat.takes_files else (),
            user=user,
            turn=turn,
            trace_id=trace_id,
            request_key=request_key,
        )

    async def get(self, user: EndUser, conversation_id: str) -> Conversation:
        """Raises ConversationNotFound."""
        found = await self._conversations.find(user, conversation_id)
        if found is None:
            raise ConversationNotFound("Conversation Not Exists.")
        return found

    async def page(
        self, user: EndUser, *, order: Order, last_id: str | None, limit: int
    ) -> tuple[list[Conversation], bool]:
        """Those that follow the one with `last_id`, and whether there are more."""
        after = None
        if last_id is not None:
            after = await self._conversations.find(user, last_id)
            if after is None:
                raise ConversationNotFound("Last Conversation Not Exists.")
        found = await self._conversations.page(user, order=order, after=after, limit=limit + 1)
        return found[:limit], len(found) > limit

    async def rename(self, conversation: Conversation, name: str | None) -> Conversation:
        """With None, after its first question. Raises InvalidParameter when there is none."""
        if name is None:
            first = await self._messages.first(conversation.id)
            if first is None:
                raise InvalidParameter("The conversation has no message to be named after.")
            name = _title(first.query)
        await self._conversations.rename(conversation.id, name)
        return replace(conversation, name=name)

    async def delete(self, conversation: Conversation) -> None:
        await self._conversations.delete(conversation.id)

    async def variables(self, conversation: Conversation) -> Sequence[ConversationVariable]:
        return await self._conversations.variables(conversation.id)

    async def set_variable(
        self, conversation: Conversation, variable_id: str, value: Value
    ) -> ConversationVariable:
        """Raises ConversationVariableNotFound or VariableMismatch."""
        for variable in await self.variables(conversation):
            if variable.id == variable_id:
                break
        else:
            raise ConversationVariableNotFound("Conversation Variable Not Exists.")
        if not _fits(value, variable.value_type):
            actual = type_of(value)
            raise VariableMismatch(
                f"Type mismatch: variable '{variable.name}' expects {variable.value_type}, "
                f"but got {_NUMBERS.get(actual, actual)} type"
            )
        now = self._clock()
        await self._conversations.set_variable(variable.id, value, updated_at=now)
        return replace(variable, value=value, updated_at=now)

    async def messages(
        self, conversation: Conversation, *, first_id: str | None, limit: int
    ) -> tuple[list[Message], bool]:
        """The newest ones before that with `first_id`, oldest first, and whether there are more."""
        before = None
        if first_id is not None:
            before = await self._messages.find_in(conversation.id, first_id)
            if before is None:
                raise MessageNotFound("First Message Not Exists.")
        found = await self._messages.page(conversation.id, before=before, limit=limit + 1)
        return found[-limit:], len(found) > limit

    async def message(self, user: EndUser, message_id: str) -> Message:
        """Raises MessageNotFound."""
        found = await self._messages.find(user, message_id)
        if found is None:
            raise MessageNotFound("Message Not Exists.")
        return found

    async def answer_of(self, run_id: str) -> Message | None:
        """The message that a run answered; None when its conversation was deleted meanwhile."""
        return await self._messages.find_by_run(run_id)

    async def past_turn(self, run_id: str, said: str) -> Turn:
        """The turn that a run was, as far as its events show it; `said` is the text in these.
        Raises ConversationNotFound when it was deleted."""
        message = await self.answer_of(run_id)
        if message is None:
            raise ConversationNotFound("Conversation Not Exists.")
        return Turn(
            conversation_id=message.conversation_id,
            message_id=message.id,
            query=message.query,
            number=0,
            title="",
            introduction="",
            # Told when the answer is not what was said: it was replaced, or its pieces are pruned.
            moderation=None if message.answer == said else Replacement(frozenset(), message.answer),
        )

    async def rate(
        self, user: EndUser, message: Message, rating: str | None, content: str | None
    ) -> None:
        """None takes the rating back. Raises InvalidParameter when there is none."""
        if rating is not None:
            await self._messages.rate(user, message, rating, content)
        elif message.rating is not None:
            await self._messages.revoke_rating(message)
        else:
            raise InvalidParameter("rating cannot be None when feedback not exists")

    async def feedbacks(self, app: App, *, page: int, limit: int) -> list[Feedback]:
        return await self._messages.feedbacks(app.id, page=page, limit=limit)

    async def apps_using(self, file_id: str) -> frozenset[str]:
        """The apps in whose messages a stored file occurs."""
        return await self._messages.apps_using(file_id)

    async def _turn(self, version: Version, question: Question, user: EndUser) -> Turn:
        conversation_id, number = question.conversation_id, 1
        known: Sequence[ConversationVariable] = ()
        if conversation_id is not None:
            conversation = await self.get(user, conversation_id)
            known = await self.variables(conversation)
            number += await self._messages.count(conversation_id)
        return Turn(
            conversation_id=conversation_id or new_id(),
            message_id=new_id(),
            query=question.query,
            number=number,
            title=_title(question.query) if question.names_conversation else UNTITLED,
            introduction=version.chat.introduction(question.inputs),
            variables=_with_values(version.workflow.conversation, known),
            moderation=version.chat.answer_moderation,
        )

    async def _refuse(
        self,
        app: App,
        version: Version,
        question: Question,
        user: EndUser,
        turn: Turn,
        answer: str,
    ) -> Message:
        """Answer without a run."""
        find = partial(self._files.find, user=user)
        run = Run(
            id=new_id(),
            task_id=new_id(),
            app_id=app.id,
            workflow_id=version.id,
            version=version.name,
            sequence_number=0,
            end_user_id=user.id,
            user=user.session_id,
            inputs=await read_inputs(version.start_variables, question.inputs, find),
            created_at=self._clock(),
            turn=turn,
        )
        await self._messages.add_answered(run, turn, answer)
        return await self.message(user, turn.message_id)


def _with_values(
    declared: Sequence[VariableDefinition], known: Sequence[ConversationVariable]
) -> tuple[VariableDefinition, ...]:
    """The variables of the version with what the conversation holds: new ones, and those that are
    of another type now, with their first values."""
    values = {(variable.name, variable.value_type): variable.value for variable in known}
    return tuple(
        replace(variable, value=values.get((variable.name, variable.value_type), variable.value))
        for variable in declared
    )


def _title(query: str) -> str:
    line = " ".join(query.split())
    if not line:
        return UNTITLED
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 3]}..."


def _fits(value: Value, value_type: str) -> bool:
    actual = type_of(value)
    if value == [] and value_type.startswith("array["):
        return True
    return value_type in (actual, _NUMBERS.get(actual))
