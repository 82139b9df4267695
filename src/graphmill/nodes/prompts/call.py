"""The call of a model, and what became of it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from io import StringIO
from typing import Final

from graphmill.engine.usage import Usage, usage_object
from graphmill.errors import ModelError, ModelFailed, ModelNotConfigured
from graphmill.nodes.prompts.data import ModelData
from graphmill.nodes.prompts.messages import recorded
from graphmill.ports.models import ChatPiece, ChatRequest, ToolCall
from graphmill.variables.values import Value

_STATUS_ERRORS: Final = {
    401: "InvokeAuthorizationError",
    403: "InvokeAuthorizationError",
    429: "InvokeRateLimitError",
}


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    usage: Usage


async def whole_reply(
    pieces: AsyncGenerator[ChatPiece, None], tell: Callable[[str], Awaitable[None]] | None = None
) -> Reply:
    """Wait for all of it, and meanwhile `tell` its text piece by piece. Raises ModelError."""
    # A list would keep an object for each token until the end.
    text = StringIO()
    last = ChatPiece()
    async with aclosing(pieces):
        async for last in pieces:
            text.write(last.text)
            if last.text and tell is not None:
                await tell(last.text)
    return Reply(text.getvalue(), last.tool_calls, last.finish_reason, last.usage or Usage())


def call_record(model: ModelData, request: ChatRequest, reply: Reply) -> dict[str, Value]:
    """What `process_data` keeps of a call."""
    return {
        "model_mode": model.mode,
        "prompts": recorded(request.messages, request.mode),
        "usage": usage_object(reply.usage),
        "finish_reason": reply.finish_reason,
        "model_provider": model.provider,
        "model_name": model.name,
    }


def error_type(error: ModelError) -> str:
    """Dify's name for it; flows branch on these."""
    if isinstance(error, ModelNotConfigured):
        return "ProviderTokenNotInitError"
    if not isinstance(error, ModelFailed):
        return "ModelNotExistError"
    if error.status is None:
        return "InvokeConnectionError"
    if error.status >= 500:
        return "InvokeServerUnavailableError"
    return _STATUS_ERRORS.get(error.status, "InvokeBadRequestError")
