"""TextProcessing, the oldest of the three APIs (`nextcloud-ocs §15`): one text in, one text out."""

from typing import Final

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.ocs.shown import TEXT_TYPES, shown_text_task, with_task
from graphmill.errors import TaskTypeUnavailable
from graphmill.service.tasks.tasks import Order
from graphmill.storage.ocs_tasks import Task, TaskApi, TaskQuery

MAX_INPUT_BYTES: Final = 64_000

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
    if len(text.encode("utf-8", "surrogatepass")) > MAX_INPUT_BYTES:
        raise refused(400, "Input text is too long")
    order = Order(
        TaskApi.TEXT,
        type_id,
        app_id,
        {"input": text},
        call.caller.user_id,
        custom_id=given.text("identifier", ""),
        may_use_ai=call.caller.may_use_ai,
    )
    try:
        task = await call.api.tasks.schedule(order)
    except TaskTypeUnavailable:
        raise refused(412, "Necessary language model provider is not available") from None
    seconds = call.api.ocs.legacy_sync_wait
    return _reply(call, await call.api.tasks.wait(task, seconds=seconds))


async def show(call: Call) -> Reply:
    return _reply(call, await _own(call))


async def delete(call: Call) -> Reply:
    """The task, for the last time."""
    task = await _own(call)
    await call.api.tasks.delete(task)
    return _reply(call, task)


async def list_of_app(call: Call) -> Reply:
    identifier = call.parameters.optional_text("identifier")
    tasks = await call.api.tasks.find(
        TaskQuery(
            TaskApi.TEXT, call.caller.user_id, app_id=call.path["app_id"], custom_id=identifier
        )
    )
    return Reply({"tasks": [shown_text_task(task) for task in tasks]})


async def _own(call: Call) -> Task:
    return await call.api.tasks.get(TaskApi.TEXT, call.number("task_id"), call.caller.user_id)


def _reply(call: Call, task: Task) -> Reply:
    return Reply(with_task(call, shown_text_task(task)))
