"""Text-To-Image (`nextcloud-ocs §16`): `core:text2image` in an older form."""

from typing import Final

from starlette.types import ASGIApp

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.ocs.files import download
from graphmill.api.ocs.older_apis import OlderApi, is_too_long
from graphmill.api.ocs.parameters import integer_of
from graphmill.api.ocs.shown import shown_image_task
from graphmill.errors import FileNotFound
from graphmill.storage.ocs_tasks import TaskApi, TaskStatus

TYPE: Final = "core:text2image"
IMAGES: Final = 8
"""When the caller does not say how many."""
MAX_IMAGES: Final = 12

TASKS: Final = OlderApi(TaskApi.IMAGE, shown_image_task, "No text to image provider is available")


async def is_available(call: Call) -> Reply:
    is_there = call.caller.may_use_ai and call.api.tasks.types.find(TYPE) is not None
    return Reply({"isAvailable": is_there})


async def schedule(call: Call) -> Reply:
    given = call.parameters
    text, app_id = given.text("input"), given.text("appId")
    number = given.integer("numberOfImages", IMAGES)
    if call.api.tasks.types.find(TYPE) is not None:
        _check(text, number)
    values = {"input": text, "numberOfImages": number}
    return await TASKS.order(call, TYPE, values, app_id=app_id)


async def image(call: Call) -> ASGIApp:
    """One of the pictures, by its index."""
    task = await TASKS.own(call)
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


def _check(text: str, number: int) -> None:
    """The documentation knows no 400 here (`§16.2`)."""
    if number > MAX_IMAGES:
        raise refused(412, f"Cannot generate more than {MAX_IMAGES} images")
    if number < 1:
        raise refused(412, "Cannot generate less than 1 image")
    if is_too_long(text):
        raise refused(412, "Input text is too long")
