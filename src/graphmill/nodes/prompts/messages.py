"""Messages of a prompt: files join them, what the model cannot read leaves them."""

from collections.abc import Iterable, Sequence
from typing import Final

from graphmill.nodes.prompts.data import VisionData
from graphmill.nodes.prompts.text import PromptInvalid
from graphmill.ports.models import Feature, FilePart, Message, Mode, Role, ToolCall
from graphmill.variables.files import File, FileType
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Found, Missing, Value, type_of

_FEATURES: Final = {
    FileType.IMAGE: Feature.VISION,
    FileType.AUDIO: Feature.AUDIO,
    FileType.VIDEO: Feature.VIDEO,
    FileType.DOCUMENT: Feature.DOCUMENT,
}
"""What a model needs for a file of that type; other types are not for models."""


def vision_files(vision: VisionData, pool: Pool) -> list[File]:
    """The files that the node shows the model. Raises PromptInvalid."""
    if not vision.enabled:
        return []
    value = pool.find(vision.configs.variable_selector)
    if value is None or isinstance(value, Missing | File | list):
        return files_in(value)
    raise PromptInvalid(f"Invalid variable type: {type_of(value)}", "InvalidVariableTypeError")


def referenced_files(selectors: Iterable[Selector], pool: Pool) -> list[File]:
    return [file for selector in selectors for file in files_in(pool.find(selector))]


def files_in(value: Found) -> list[File]:
    """Those that a model may be shown."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, File) and item.type in _FEATURES]


def file_parts(files: Iterable[File], detail: str) -> tuple[FilePart, ...]:
    """Raises PromptInvalid for a file of which too little is known."""
    parts = []
    for file in files:
        for name, known in (("extension", file.extension), ("mime_type", file.mime_type)):
            if not known:
                raise PromptInvalid(f"Missing file {name}", "ValueError")
        parts.append(FilePart(file, detail))
    return tuple(parts)


def with_files(messages: Sequence[Message], files: Sequence[File], detail: str) -> list[Message]:
    """The files stand before the text of the last message if a user says that, else they follow
    as a message of their own (recorded). Raises PromptInvalid."""
    parts = file_parts(files, detail)
    if not parts:
        return list(messages)
    if not messages or messages[-1].role is not Role.USER:
        return [*messages, Message(Role.USER, parts)]
    said = messages[-1].content
    before = (said,) if isinstance(said, str) else said
    return [*messages[:-1], Message(Role.USER, (*parts, *before))]


def readable(messages: Iterable[Message], features: frozenset[Feature]) -> tuple[Message, ...]:
    """Without the files that the model cannot read, and without messages that say nothing.

    Raises PromptInvalid when none is left."""
    left = [_readable(message, features) for message in messages]
    spoken = tuple(message for message in left if message.content or message.tool_calls)
    if not spoken:
        raise PromptInvalid(
            "No prompt found in the LLM configuration. "
            "Please ensure a prompt is properly configured before proceeding.",
            "NoPromptFoundError",
        )
    return spoken


def _readable(message: Message, features: frozenset[Feature]) -> Message:
    if isinstance(message.content, str):
        return message
    parts = tuple(
        part
        for part in message.content
        if part and (isinstance(part, str) or _FEATURES[FileType(part.file.type)] in features)
    )
    if len(parts) == 1 and isinstance(parts[0], str):
        return Message(message.role, parts[0])
    return Message(message.role, parts)


def recorded(messages: Iterable[Message], mode: Mode) -> list[Value]:
    """The prompt as `process_data` keeps it (`nodes §4.6`). Files are named, not copied."""
    return [_recorded(message, mode) for message in messages]


def _recorded(message: Message, mode: Mode) -> dict[str, Value]:
    parts = (message.content,) if isinstance(message.content, str) else message.content
    files: list[Value] = [
        {"type": part.file.type, "filename": part.file.filename, "detail": part.detail}
        for part in parts
        if isinstance(part, FilePart)
    ]
    record: dict[str, Value] = {
        "role": message.role.value,
        "text": "".join(part for part in parts if isinstance(part, str)),
    }
    if files or mode == "chat":
        record["files"] = files
    if message.tool_calls:
        record["tool_calls"] = [recorded_call(call) for call in message.tool_calls]
    return record


def recorded_call(call: ToolCall) -> dict[str, Value]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
