"""TaskProcessing for people and for workers without one (`nextcloud-ocs §9, §10`)."""

from typing import Any

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.ocs.shown import shown_task, with_task
from graphmill.errors import TaskNotFound
from graphmill.service.tasks.shapes import Shape, SlotType, TaskType
from graphmill.service.tasks.tasks import Order
from graphmill.storage.ocs_tasks import Task, TaskApi, TaskQuery

CHAT = "core:text2text:chat"


async def task_types(call: Call) -> Reply:
    """Guests see none. Phones are not told of chats, for which they have pages that this server has
    not (`Appendix A`)."""
    offers = call.api.tasks.types.all() if call.caller.may_use_ai else ()
    hidden = {CHAT} if call.is_phone else set()
    return Reply(
        {
            "types": {
                offer.type.id: _shown_type(offer.type)
                for offer in offers
                if offer.type.id not in hidden
            }
        }
    )


async def schedule(call: Call) -> Reply:
    given = call.parameters
    app_id = given.text("appId")
    if not app_id:
        raise refused(400, 'Parameter "appId" must not be empty')
    order = Order(
        TaskApi.TASK,
        given.text("type"),
        app_id,
        given.mapping("input"),
        call.caller.user_id,
        custom_id=given.text("customId", ""),
        may_use_ai=call.caller.may_use_ai,
        webhook_uri=given.optional_text("webhookUri"),
        webhook_method=given.optional_text("webhookMethod"),
        include_watermark=given.boolean("includeWatermark", default=True),
        prefer_streaming=given.boolean("preferStreaming", default=False),
    )
    return _reply(call, await call.api.tasks.schedule(order))


async def show(call: Call) -> Reply:
    return _reply(call, await own_task(call, "task_id"))


async def delete(call: Call) -> Reply:
    """Nothing is left to show."""
    try:
        await call.api.tasks.delete(await own_task(call, "task_id"))
    except TaskNotFound:
        if not call.api.ocs.delete_missing_ok:
            raise
    return Reply(None)


async def list_all(call: Call) -> Reply:
    return await _list(call, None)


async def list_of_app(call: Call) -> Reply:
    return await _list(call, call.path["app_id"])


async def _list(call: Call, app_id: str | None) -> Reply:
    given = call.parameters
    tasks = await call.api.tasks.find(
        TaskQuery(
            TaskApi.TASK,
            call.caller.user_id,
            type=given.optional_text("taskType"),
            app_id=app_id,
            custom_id=given.optional_text("customId"),
        )
    )
    return Reply({"tasks": [shown_task(call, task) for task in tasks]})


async def cancel(call: Call) -> Reply:
    try:
        task = await own_task(call, "task_id")
        return _reply(call, await call.api.tasks.cancel(task))
    except TaskNotFound:
        raise refused(404, "Not found") from None


async def queue_stats(call: Call) -> Reply:
    waiting, running = await call.api.tasks.counts(call.parameters.texts("taskTypeIds"))
    return Reply({"scheduled_count": waiting, "running_count": running})


async def queue_position(call: Call) -> Reply:
    return Reply(await call.api.tasks.queue_position(await own_task(call, "task_id")))


async def own_task(call: Call, name: str) -> Task:
    """The task in the path, if it is the caller's. Raises TaskNotFound."""
    return await call.api.tasks.get(TaskApi.TASK, call.number(name), call.caller.user_id)


def _reply(call: Call, task: Task) -> Reply:
    return Reply(with_task(call, shown_task(call, task)))


def _shown_type(task_type: TaskType) -> dict[str, Any]:
    """All twelve maps are there, also empty ones (`§6.5`)."""
    required, optional = task_type.inputs, task_type.optional_inputs
    return {
        "name": task_type.name,
        "description": task_type.description,
        "inputShape": _shape(required, is_mandatory=True),
        "inputShapeEnumValues": _choices(required),
        "inputShapeDefaults": _defaults(required),
        "optionalInputShape": _shape(optional, is_mandatory=False),
        "optionalInputShapeEnumValues": _choices(optional),
        "optionalInputShapeDefaults": _defaults(optional),
        "outputShape": _shape(task_type.outputs, is_mandatory=True),
        "outputShapeEnumValues": _choices(task_type.outputs),
        "optionalOutputShape": _shape(task_type.optional_outputs, is_mandatory=False),
        "optionalOutputShapeEnumValues": _choices(task_type.optional_outputs),
        "isInternal": task_type.is_internal,
    }


def _shape(shape: Shape, *, is_mandatory: bool) -> dict[str, Any]:
    return {
        key: {
            "name": slot.name,
            "description": slot.description,
            "type": slot.type.value,
            "mandatory": is_mandatory,
        }
        for key, slot in shape.items()
    }


def _choices(shape: Shape) -> dict[str, Any]:
    return {
        key: [{"name": label, "value": value} for value, label in slot.choices.items()]
        for key, slot in shape.items()
        if slot.type is SlotType.ENUM
    }


def _defaults(shape: Shape) -> dict[str, Any]:
    return {key: slot.default for key, slot in shape.items() if slot.default is not None}
