"""Text-To-Image (`nextcloud-ocs §16`): `core:text2image` in an older form."""

from typing import Final

from starlette.types import ASGIApp

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.ocs.files import download
from graphmill.api.ocs.parameters import integer_of
from graphmill.api.ocs.shown import shown_image_task, with_task
from graphmill.errors import FileNotFound, TaskTypeUnavailable
from graphmill.service.tasks.tasks import Order
from graphmill.storage.ocs_tasks import Task, TaskApi, TaskQuery, TaskStatus

TYPE: Final = "core:text2image"
IMAGES: Final = 8
"""When the caller does not say how many."""
MAX_IMAGES: Final = 12
MAX_INPUT_BYTES: Final = 64_000
UNAVAILABLE: Final = "No text to image provider is available"


async def is_available(call: Call) -> Reply:
    is_there = call.caller.may_use_ai and call.api.tasks.types.find(TYPE) is not None
    return Reply({"isAvailable": is_there})


async def schedule(call: Call) -> Reply:
    given = call.parameters
    text, app_id = given.text("input"), given.text("appId")
    number = given.integer("numberOfImages", IMAGES)
    order = Order(
        TaskApi.IMAGE,
        TYPE,
        app_id,
        {"input": text, "numberOfImages": number},
        call.caller.user_id,
        custom_id=given.text("identifier", ""),
        may_use_ai=call.caller.may_use_ai,
    )
    if call.api.tasks.types.find(TYPE) is not None:
        _check(text, number)
    try:
        task = await call.api.tasks.schedule(order)
    except TaskTypeUnavailable:
        raise refused(412, UNAVAILABLE) from None
    seconds = call.api.ocs.legacy_sync_wait
    return _reply(call, await call.api.tasks.wait(task, seconds=seconds))


async def show(call: Call) -> Reply:
    return _reply(call, await _own(call))


async def image(call: Call) -> ASGIApp:
    """One of the pictures, by its index."""
    task = await _own(call)
    numbers = (task.output or {}).get("images", [])
    index = integer_of(call.path["index"])
    if task.status is not TaskStatus.SUCCESSFUL or not 0 <= index < len(numbers):
        raise refused(404, "Image not found")
    upload = await call.api.tasks.file(task, numbers[index])
    if upload is None:
        raise refused(404, "Image not found")
    try:
        return await download(call, upload, inline_name=str(index))
    except FileNotFound:
        raise refused(404, "Image not found") from None


async def delete(call: Call) -> Reply:
    """The task, for the last time."""
    task = await _own(call)
    await call.api.tasks.delete(task)
    return _reply(call, task)


async def list_of_app(call: Call) -> Reply:
    """Also answers a DELETE that the documentation has for this (`§16.2`): nothing is deleted."""
    identifier = call.parameters.optional_text("identifier")
    tasks = await call.api.tasks.find(
        TaskQuery(
            TaskApi.IMAGE, call.caller.user_id, app_id=call.path["app_id"], custom_id=identifier
        )
    )
    return Reply({"tasks": [shown_image_task(task) for task in tasks]})


def _check(text: str, number: int) -> None:
    """The documentation knows no 400 here (`§16.2`)."""
    if number > MAX_IMAGES:
        raise refused(412, f"Cannot generate more than {MAX_IMAGES} images")
    if number < 1:
        raise refused(412, "Cannot generate less than 1 image")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_INPUT_BYTES:
        raise refused(412, "Input text is too long")


async def _own(call: Call) -> Task:
    return await call.api.tasks.get(TaskApi.IMAGE, call.number("task_id"), call.caller.user_id)


def _reply(call: Call, task: Task) -> Reply:
    return Reply(with_task(call, shown_image_task(task)))
