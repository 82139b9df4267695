"""TextProcessing, the oldest of the three APIs (`nextcloud-ocs §15`): one text in, one text out."""

from typing import Final

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.ocs.older_apis import OlderApi, is_too_long
from graphmill.api.ocs.shown import TEXT_TYPES, shown_text_task
from graphmill.storage.ocs_tasks import TaskApi

TASKS: Final = OlderApi(
    TaskApi.TEXT, shown_text_task, "Necessary language model provider is not available"
)

_LABELS: Final = {
    "core:text2text": ("Free prompt", "Runs an arbitrary prompt through the language model."),
    "core:text2text:headline": ("Generate headline", "Generates a possible headline for a text."),
    "core:text2text:summary": ("Summarize", "Summarizes text by reducing its length."),
    "core:text2text:topics": ("Extract topics", "Extracts topics from a text, comma separated."),
}


async def task_types(call: Call) -> Reply:
    find = call.api.tasks.types.find
    return Reply(
        {
            "types": [
                {"id": old, "name": _LABELS[new][0], "description": _LABELS[new][1]}
                for old, new in TEXT_TYPES.items()
                if call.caller.may_use_ai and find(new) is not None
            ]
        }
    )


async def schedule(call: Call) -> Reply:
    given = call.parameters
    text, app_id = given.text("input"), given.text("appId")
    type_id = TEXT_TYPES.get(given.text("type").removeprefix("\\"))
    if type_id is None:
        raise refused(400, "Requested task type does not exist")
    if is_too_long(text):
        raise refused(400, "Input text is too long")
    return await TASKS.order(call, type_id, {"input": text}, app_id=app_id)
