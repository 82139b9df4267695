"""What happens in a turn of a conversation, as the payloads of Dify's event stream
(`service-api §24`): the events of a run in another envelope, and those around the message."""

from base64 import b64encode
from collections.abc import Callable
from functools import partial

from graphmill.api.dify.errors import ApiError
from graphmill.api.dify.events import Payload, payload_of
from graphmill.engine.events import Event, ReasoningChunk, RunResumed, RunStarted, TextChunk
from graphmill.engine.run import Run, Turn
from graphmill.storage.messages import Message
from graphmill.storage.turns import FROM_APP

HIDDEN_INPUT = "sys.conversation_id"
"""Dify does not list it among the inputs of a run (`§24.1`); the envelope has it."""


def teller(run: Run) -> Callable[[Event], Payload | None]:
    """How the events of `run` are told, as a turn or as a run."""
    if run.turn is None:
        return partial(payload_of, run)
    return partial(_turn_payload_of, run, turn_envelope(run, run.turn))


def _turn_payload_of(run: Run, envelope: Payload, event: Event) -> Payload | None:
    if isinstance(event, TextChunk):
        return message_piece(envelope, event.text) | {"from_variable_selector": event.selector}
    payload = payload_of(run, event)
    if payload is None:
        return None
    data = payload["data"]
    if isinstance(event, RunStarted | RunResumed):
        data["inputs"] = {
            name: value for name, value in data["inputs"].items() if name != HIDDEN_INPUT
        }
    elif isinstance(event, ReasoningChunk):
        data["message_id"] = envelope["message_id"]
    return {"event": payload["event"], **envelope, **payload}


def turn_envelope(run: Run, turn: Turn) -> Payload:
    """What all events of a turn have in common."""
    return _envelope(turn.conversation_id, turn.message_id, run.created_at, run.task_id)


def message_envelope(message: Message, task_id: str) -> Payload:
    """The same, of a turn that is over."""
    return _envelope(message.conversation_id, message.id, message.created_at, task_id)


def _envelope(conversation_id: str, message_id: str, created_at: float, task_id: str) -> Payload:
    return {
        "conversation_id": conversation_id,
        "message_id": message_id,
        "created_at": int(created_at),
        "task_id": task_id,
    }


def message_piece(envelope: Payload, text: str) -> Payload:
    return {"event": "message", **envelope, "id": envelope["message_id"], "answer": text}


def audio_piece(run: Run, audio: bytes) -> Payload:
    """Speech of a run or a turn as MP3; no bytes say that this was all (`§11.13`)."""
    if run.turn is not None:
        envelope = turn_envelope(run, run.turn)
    else:
        # There is no message, and clients look for the id of one (`§25`, choice 19).
        envelope = _envelope("", run.id, run.created_at, run.task_id)
        envelope["workflow_run_id"] = run.id
    name = "tts_message" if audio else "tts_message_end"
    return {"event": name, **envelope, "audio": b64encode(audio).decode()}


def message_replaced(envelope: Payload, message: Message) -> Payload:
    """The answer as it was changed after it had been told."""
    return {
        "event": "message_replace",
        **envelope,
        "answer": message.answer,
        "reason": "output_moderation",
    }


def message_ended(envelope: Payload, message: Message) -> Payload:
    files = [each.file for each in message.files if each.belongs_to == FROM_APP]
    return {
        "event": "message_end",
        **envelope,
        "id": message.id,
        "metadata": message.metadata,
        "files": files,
    }


def turn_failed(envelope: Payload, error: ApiError) -> Payload:
    return {
        "event": "error",
        **envelope,
        "code": error.code,
        "status": error.status,
        "message": error.message,
    }


def run_failed(reason: str | None) -> ApiError:
    """A failed run is an error of its own in chats, unlike in workflows (`§24.1`)."""
    return ApiError(400, "invalid_param", f"Run failed: {reason}")


def blocking_message(message: Message, task_id: str) -> Payload:
    """The whole answer of a turn in blocking mode."""
    return {
        "event": "message",
        "task_id": task_id,
        "id": message.id,
        "message_id": message.id,
        "conversation_id": message.conversation_id,
        "mode": "advanced-chat",
        "answer": message.answer,
        "metadata": message.metadata,
        "created_at": int(message.created_at),
    }
