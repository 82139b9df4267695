"""A turn as it is stored: what a run of a chatflow adds to its conversation, in its commits."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any, Final, TypeAlias

from sqlalchemy import ClauseElement, bindparam, update
from sqlalchemy.dialects.sqlite import insert

from graphmill.engine.events import (
    FramePosition,
    NodeFinished,
    NodeStarted,
    ResourcesRetrieved,
    RunFinished,
    RunPaused,
    RunStarted,
    RunStatus,
    TextChunk,
    VariableUpdated,
)
from graphmill.engine.run import Run, Turn
from graphmill.engine.usage import Usage, usage_object
from graphmill.ids import conversation_variable_id_of, message_file_id_of
from graphmill.jsontext import storable
from graphmill.ports.runs import NumberedEvent
from graphmill.storage.database import Parameters
from graphmill.storage.packing import pack
from graphmill.storage.tables import (
    conversation_variables,
    conversations,
    message_files,
    messages,
)
from graphmill.variables.files import File
from graphmill.variables.values import Value

FROM_USER: Final = "user"
FROM_APP: Final = "assistant"
"""To whom a file of a message belongs, in Dify's words."""

_ADD_CONVERSATION = insert(conversations)
_BEGIN_TURN = _ADD_CONVERSATION.on_conflict_do_update(
    index_elements=["id"], set_={"updated_at": _ADD_CONVERSATION.excluded.updated_at}
)
_ADD_VARIABLE = insert(conversation_variables)
_NEW_VALUE: Final = {
    name: _ADD_VARIABLE.excluded[name]
    for name in ("value_type", "position", "description", "updated_at", "value")
}
_KEEP_VARIABLE = _ADD_VARIABLE.on_conflict_do_update(
    index_elements=["id"],
    set_=_NEW_VALUE,
    # Declared anew as something else: what it held before is of no use.
    where=conversation_variables.c.value_type != _ADD_VARIABLE.excluded.value_type,
)
_SET_VARIABLE = _ADD_VARIABLE.on_conflict_do_update(index_elements=["id"], set_=_NEW_VALUE)
_UPDATE_VARIABLE = (
    update(conversation_variables)
    .where(conversation_variables.c.id == bindparam("variable_id"))
    .values(value=bindparam("value"), updated_at=bindparam("updated_at"))
)
_ADD_MESSAGE = insert(messages)
_GOING_ON: Final[dict[str, Any]] = {
    "finished_at": None,
    "error": None,
    "metadata": "{}",
    "answer": "",
}
"""What the row of a message says until its end."""
_FINISH_MESSAGE = (
    update(messages)
    .where(messages.c.id == bindparam("message_id"))
    .values({column: bindparam(column) for column in _GOING_ON})
)
_ADD_FILE = insert(message_files)

Change: TypeAlias = tuple[ClauseElement, Parameters]
End: TypeAlias = RunFinished | RunPaused | None


class TurnRecorder:
    """Gathers what is said in the turn that `run` is. Give it all events, in their order."""

    __slots__ = ("_files", "_resources", "_run", "_texts", "_turn")

    def __init__(self, run: Run, turn: Turn) -> None:
        self._run = run
        self._turn = turn
        self._texts: list[str] = []
        self._files: list[File] = []
        self._resources: list[Mapping[str, Value]] = []

    def changes(self, events: Sequence[NumberedEvent]) -> Iterator[Change]:
        """What `events` change, each row once: statements of one commit have no order."""
        started: RunStarted | None = None
        end: End = None
        values: dict[str, Value] = {}
        for _, event in events:
            match event:
                case TextChunk():
                    self._texts.append(event.text)
                case NodeFinished():
                    self._take_node(event)
                case VariableUpdated(("conversation", name), value):
                    values[name] = value
                case ResourcesRetrieved():
                    self._resources += event.resources
                case RunStarted():
                    started = event
                case RunFinished() | RunPaused():
                    end = event
                case _:
                    pass
        if started is not None:
            yield from self._begun(started, end, values)
        else:
            yield from self._went_on(end, values)
        if isinstance(end, RunFinished):
            yield from self._files_of(FROM_APP, self._files)

    def recall(self, history: Sequence[NumberedEvent]) -> None:
        """Take what an earlier process recorded; it is written. Nodes that were under way run
        again, so what they have said is said again, and does not count."""
        under_way: set[Hashable] = set()
        for _, event in history:
            match event:
                case NodeStarted(execution):
                    under_way.add(_place(execution.node_id, execution.position))
                case NodeFinished(execution):
                    under_way.discard(_place(execution.node_id, execution.position))
                case _:
                    pass
        kept = [
            (number, event)
            for number, event in history
            if not isinstance(event, TextChunk)
            or _place(event.selector[0], event.position) not in under_way
        ]
        for _ in self.changes(kept):
            pass

    def _take_node(self, event: NodeFinished) -> None:
        files = event.outputs.get("files")
        if event.execution.node_type == "answer" and isinstance(files, list):
            self._files += [item for item in files if isinstance(item, File)]

    def _begun(
        self, started: RunStarted, end: End, values: Mapping[str, Value]
    ) -> Iterator[Change]:
        run, turn = self._run, self._turn
        inputs = pack(run.inputs).decode()
        yield (
            _BEGIN_TURN,
            {
                "id": turn.conversation_id,
                "app_id": run.app_id,
                "end_user_id": run.end_user_id,
                "name": storable(turn.title),
                "created_at": run.created_at,
                "updated_at": run.created_at,
                "introduction": storable(turn.introduction),
                "inputs": inputs,
            },
        )
        for position, variable in enumerate(turn.variables):
            row = {
                "id": conversation_variable_id_of(turn.conversation_id, variable.name),
                "conversation_id": turn.conversation_id,
                "name": variable.name,
                "value_type": variable.value_type,
                "position": position,
                "created_at": run.created_at,
                "updated_at": run.created_at,
                "description": storable(variable.description),
                "value": pack(values.get(variable.name, variable.value)).decode(),
            }
            yield _SET_VARIABLE if variable.name in values else _KEEP_VARIABLE, row
        yield (
            _ADD_MESSAGE,
            {
                "id": turn.message_id,
                "conversation_id": turn.conversation_id,
                "app_id": run.app_id,
                "end_user_id": run.end_user_id,
                "run_id": run.id,
                "created_at": run.created_at,
                "inputs": inputs,
                "query": storable(turn.query),
                **self._said(end),
            },
        )
        yield from self._files_of(FROM_USER, run.files)

    def _went_on(self, end: End, values: Mapping[str, Value]) -> Iterator[Change]:
        """Updates only: a conversation that was deleted meanwhile does not come back."""
        for name, value in values.items():
            yield (
                _UPDATE_VARIABLE,
                {
                    "variable_id": conversation_variable_id_of(self._turn.conversation_id, name),
                    "value": pack(value).decode(),
                    "updated_at": self._run.created_at,
                },
            )
        if end is not None:
            yield _FINISH_MESSAGE, {"message_id": self._turn.message_id, **self._said(end)}

    def _said(self, end: End) -> dict[str, Any]:
        """What the end of the run adds to the message, or its pause; what stands there before."""
        if end is None:
            return _GOING_ON
        answer, moderation = "".join(self._texts), self._turn.moderation
        if moderation is not None and moderation.is_due(answer):
            answer = moderation.answer
        finished = end if isinstance(end, RunFinished) else None
        has_failed = finished is not None and finished.status is RunStatus.FAILED
        metadata = {
            "annotation_reply": None,
            "retriever_resources": self._resources,
            "usage": usage_object((finished and finished.usage) or Usage()),
        }
        return {
            "finished_at": finished and finished.at,
            "error": storable((finished and finished.error) or "") if has_failed else None,
            "metadata": pack(metadata).decode(),
            "answer": storable(answer),
        }

    def _files_of(self, belongs_to: str, files: Sequence[File]) -> Iterator[Change]:
        for number, file in enumerate(files):
            yield (
                _ADD_FILE,
                {
                    "id": message_file_id_of(self._turn.message_id, belongs_to, number),
                    "message_id": self._turn.message_id,
                    "app_id": self._run.app_id,
                    "upload_id": file.related_id,
                    "belongs_to": belongs_to,
                    "position": number,
                    "file": pack(file).decode(),
                },
            )


def _place(node_id: str, position: FramePosition | None) -> Hashable:
    """Where a node runs: it runs there once at a time."""
    return node_id, None if position is None else astuple(position)
