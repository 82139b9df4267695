"""TaskProcessing for workers, who fetch tasks and report on them (`nextcloud-ocs §11`). Where the
documentation has these calls, the user of a task may make them, too (`§9.8`)."""

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

BATCH_BYTES = 50 * 1024 * 1024
"""An answer that is larger stops early."""


async def next_task(call: Call) -> Reply:
    claimed = await _claim(call, 1)
    if not claimed:
        return Reply(None, 204)
    task, provider = claimed[0]
    # Two spellings for the same: workers read the one or the other.
    shown_provider = {"name": provider, "id": provider}
    return Reply({"task": shown_task(call, task), "provider": shown_provider})


async def next_batch(call: Call) -> Reply:
    wanted = max(0, call.parameters.integer("numberOfTasks", 1))
    entries: list[dict[str, object]] = []
    size = 0
    while len(entries) < wanted and size < BATCH_BYTES:
        claimed = await _claim(call, 1)
        if not claimed:
            break
        task, provider = claimed[0]
        entries.append({"task": shown_task(call, task), "provider": provider})
        size += len(encode(task.input))
    providers, types = _asked(call)
    has_more = await call.api.tasks.has_waiting(providers, types)
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


async def _claim(call: Call, limit: int) -> list[tuple[Task, str]]:
    providers, types = _asked(call)
    return await call.api.tasks.claim(providers, types, limit=limit)


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
