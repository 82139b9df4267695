"""TaskProcessing for workers, who fetch tasks and report on them (`nextcloud-ocs §11`). Where the
documentation has these calls, the user of a task may make them, too (`§9.8`)."""

from typing import Final

from starlette.types import ASGIApp

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import refused
from graphmill.api.ocs.files import add_to_task, file_of_task
from graphmill.api.ocs.shown import shown_task, with_task
from graphmill.errors import TaskNotFound
from graphmill.jsontext import encode
from graphmill.service.tasks.tasks import Result
from graphmill.storage.ocs_tasks import Task, TaskApi

MAX_BATCH: Final = 100
"""Tasks that a worker is given at once, however many it asks for."""
BATCH_BYTES: Final = 50 * 1024 * 1024
"""An answer that is larger stops early."""


async def next_task(call: Call) -> Reply:
    claimed = await call.api.tasks.claim(*_asked(call))
    if claimed is None:
        return Reply(None, 204)
    task, provider = claimed
    # Two spellings for the same: workers read the one or the other.
    shown_provider = {"name": provider, "id": provider}
    return Reply({"task": shown_task(call, task), "provider": shown_provider})


async def next_batch(call: Call) -> Reply:
    wanted = min(call.parameters.integer("numberOfTasks", 1), MAX_BATCH)
    entries: list[dict[str, object]] = []
    size = 0
    while len(entries) < wanted and size < BATCH_BYTES:
        claimed = await call.api.tasks.claim(*_asked(call))
        if claimed is None:
            break
        task, provider = claimed
        entries.append({"task": shown_task(call, task), "provider": provider})
        size += len(encode(task.input))
    has_more = await call.api.tasks.has_waiting(*_asked(call))
    return Reply({"tasks": entries, "has_more": has_more})


async def progress(call: Call) -> Reply:
    task = await _task(call)
    return _reply(call, await call.api.tasks.report(task, call.parameters.number("progress")))


async def result(call: Call) -> Reply:
    given = call.parameters
    reported = Result(
        given.optional_mapping("output"),
        given.optional_text("errorMessage"),
        given.optional_text("userFacingErrorMessage"),
    )
    return _reply(call, await call.api.tasks.finish(await _task(call), reported))


async def stream_result(call: Call) -> Reply:
    task = await _task(call)
    return _reply(call, await call.api.tasks.stream(task, call.parameters.mapping("output")))


async def add_file(call: Call) -> Reply:
    return await add_to_task(call, await _task(call))


async def read_file(call: Call) -> ASGIApp:
    return await file_of_task(call, await _task(call))


def _asked(call: Call) -> tuple[list[str], list[str]]:
    return call.parameters.texts("providerIds"), call.parameters.texts("taskTypeIds")


async def _task(call: Call) -> Task:
    """Any task for a worker that acts for nobody, the caller's own for everybody else."""
    tasks, number = call.api.tasks, call.number("task_id")
    try:
        if call.caller.is_worker:
            return await tasks.get_any(number)
        return await tasks.get(TaskApi.TASK, number, call.caller.user_id)
    except TaskNotFound:
        raise refused(404, "Not found") from None


def _reply(call: Call, task: Task) -> Reply:
    return Reply(with_task(call, shown_task(call, task)))
