"""What TextProcessing and Text-To-Image, the two older APIs, do alike (`nextcloud-ocs §15,
§16`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.ocs.shown import with_task
from graphmill.errors import TaskTypeUnavailable
from graphmill.service.tasks.tasks import Order
from graphmill.storage.ocs_tasks import Task, TaskApi, TaskQuery

_MAX_INPUT_BYTES: Final = 64_000


@dataclass(frozen=True, slots=True)
class OlderApi:
    """The calls about tasks of one of them."""

    api: TaskApi
    shown: Callable[[Task], dict[str, Any]]
    """How it shows a task."""
    unavailable: str
    """What it says when nobody executes a type."""

    async def order(
        self, call: Call, type_id: str, values: dict[str, Any], *, app_id: str
    ) -> Reply:
        """A new task with the `values`, when it has ended or after a moment."""
        order = Order(
            self.api,
            type_id,
            app_id,
            values,
            call.caller.user_id,
            custom_id=call.parameters.text("identifier", ""),
            may_use_ai=call.caller.may_use_ai,
        )
        try:
            task = await call.api.tasks.schedule(order)
        except TaskTypeUnavailable:
            raise refused(412, self.unavailable) from None
        seconds = call.api.ocs.legacy_sync_wait
        return self._reply(call, await call.api.tasks.wait(task, seconds=seconds))

    async def show(self, call: Call) -> Reply:
        return self._reply(call, await self.own(call))

    async def delete(self, call: Call) -> Reply:
        """The task, for the last time."""
        task = await self.own(call)
        await call.api.tasks.delete(task)
        return self._reply(call, task)

    async def list_of_app(self, call: Call) -> Reply:
        """Text-To-Image also answers a DELETE that the documentation has for this (`§16.2`):
        nothing is deleted."""
        query = TaskQuery(
            self.api,
            call.caller.user_id,
            app_id=call.path["app_id"],
            custom_id=call.parameters.optional_text("identifier"),
        )
        tasks = await call.api.tasks.find(query)
        return Reply({"tasks": [self.shown(task) for task in tasks]})

    async def own(self, call: Call) -> Task:
        """The task of the path, if it is the caller's."""
        return await call.api.tasks.get(self.api, call.number("task_id"), call.caller.user_id)

    def _reply(self, call: Call, task: Task) -> Reply:
        return Reply(with_task(call, self.shown(task)))


def is_too_long(text: str) -> bool:
    return len(text.encode("utf-8", "surrogatepass")) > _MAX_INPUT_BYTES
