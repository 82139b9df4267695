"""Reading, listing, deleting, cancelling (`nextcloud-ocs §21.8`)."""

from pathlib import Path
from typing import Any

import pytest

from graphmill.storage.ocs_tasks import TaskApi
from tests.api.ocs.client import BOB, NOBODY, TP, Ocs, opened, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ids(ocs: Ocs, path: str, **params: str) -> list[int]:
    answer = await ocs.get(f"{TP}{path}", params=params)
    assert 200 == answer.status
    return [task["id"] for task in answer.data["tasks"]]


async def test_g01_g02_task_is_read_with_get_and_post(ocs: Ocs) -> None:
    task_id = await ocs.sched()
    task = await ocs.wait(task_id)
    assert 18 == len(task)
    assert task == (await ocs.post(f"{TP}/task/{task_id}")).task


async def test_g03_g04_g05_g06_g07_g08_g09_lists(ocs: Ocs) -> None:
    plain = await ocs.sched(appId="lists")
    summary = await ocs.sched("core:text2text:summary", appId="lists", customId="c-1")
    marked = await ocs.sched(appId="lists", customId="c-1")
    assert [plain, summary, marked] == await ids(ocs, "/tasks/app/lists")
    assert {plain, summary, marked} <= set(await ids(ocs, "/tasks"))
    assert [summary] == await ids(ocs, "/tasks", taskType="core:text2text:summary")
    assert [marked] == await ids(ocs, "/tasks", taskType="core:text2text", customId="c-1")
    assert [summary, marked] == await ids(ocs, "/tasks/app/lists", customId="c-1")
    assert [] == await ids(ocs, "/tasks/app/unknown")
    unmarked = await ids(ocs, "/tasks", customId="")
    assert plain in unmarked
    assert not {summary, marked} & set(unmarked)


async def test_g10_list_needs_a_login(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/tasks", auth=None)
    assert (401, 997) == (answer.status, answer.code)


async def test_g11_g12_g13_deleted_task_is_gone(ocs: Ocs) -> None:
    path = f"{TP}/task/{await ocs.sched()}"
    answer = await ocs.delete(path)
    assert (200, 200, None) == (answer.status, answer.code, answer.data)
    assert 404 == (await ocs.get(path)).status
    again = await ocs.delete(path)
    assert (404, "Task not found") == (again.status, again.message)


async def test_deleting_nothing_can_be_a_success(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url, delete_missing_ok=True) as ocs:
        answer = await ocs.delete(f"{TP}/task/{NOBODY}")
        assert (200, None) == (answer.status, answer.data)


async def test_fields_stand_beside_the_task_only_if_wanted(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url, doc_flat_fields=False) as ocs:
        answer = await ocs.get(f"{TP}/task/{await ocs.sched()}")
        assert {"task"} == answer.data.keys()


async def test_g14_task_of_somebody_else_cannot_be_deleted(ocs: Ocs) -> None:
    path = f"{TP}/task/{await ocs.sched()}"
    assert 404 == (await ocs.delete(path, auth=BOB)).status
    assert 200 == (await ocs.get(path)).status


async def test_g15_g16_g19_cancel_ends_the_run(ocs: Ocs) -> None:
    task_id = await ocs.sched("core:text2text:reformulation")
    await ocs.running(task_id)
    run = await run_of(ocs, task_id)
    cancelled = (await ocs.post(f"{TP}/tasks/{task_id}/cancel")).task
    assert ("STATUS_CANCELLED", None) == (cancelled["status"], cancelled["output"])
    assert cancelled["endedAt"] is not None
    assert "stopped" == await until(run)
    again = (await ocs.post(f"{TP}/tasks/{task_id}/cancel")).task
    assert cancelled == again == (await ocs.get(f"{TP}/task/{task_id}")).task


async def test_g17_waiting_task_is_cancelled(ocs: Ocs) -> None:
    task_id = await ocs.waiting_topics()
    answer = await ocs.post(f"{TP}/task/{task_id}/cancel")
    assert "STATUS_CANCELLED" == answer.task["status"]


async def test_g18_ended_task_stays_as_it_is(ocs: Ocs) -> None:
    task = await ocs.wait(await ocs.sched())
    assert task == (await ocs.post(f"{TP}/tasks/{task['id']}/cancel")).task


async def test_g20_nothing_to_cancel(ocs: Ocs) -> None:
    answer = await ocs.post(f"{TP}/tasks/{NOBODY}/cancel")
    assert (404, "Not found") == (answer.status, answer.message)


async def test_g21_deleting_a_running_task_ends_its_run(ocs: Ocs) -> None:
    task_id = await ocs.sched("core:text2text:reformulation")
    await ocs.running(task_id)
    run = await run_of(ocs, task_id)
    assert 200 == (await ocs.delete(f"{TP}/task/{task_id}")).status
    assert "stopped" == await until(run)
    assert 404 == (await ocs.get(f"{TP}/task/{task_id}")).status


async def run_of(ocs: Ocs, task_id: int) -> Any:
    """What tells how the run of a task has ended, once it has."""
    tasks, catalog, runs = ocs.services.ocs.tasks, ocs.services.catalog, ocs.services.runs
    task = await tasks.get(TaskApi.TASK, task_id, "alice")
    app = catalog.find("slow")
    assert app is not None
    run_id = task.run_id or ""

    async def status() -> str | None:
        record = await runs.get(app, run_id)
        return record.status.value if record.status.is_final else None

    return status


async def test_g22_g23_g24_g25_g26_queue(ocs: Ocs) -> None:
    await ocs.drain()
    first, second = await ocs.waiting_topics(), await ocs.waiting_topics()
    stats = (await ocs.get(f"{TP}/queue_stats")).data
    assert stats["scheduled_count"] >= 2
    assert isinstance(stats["running_count"], int)
    speech = await ocs.get(f"{TP}/queue_stats", params={"taskTypeIds[]": "core:text2speech"})
    assert 0 == speech.data["scheduled_count"]
    positions = [
        (await ocs.get(f"{TP}/tasks/{task_id}/queue_position")).data for task_id in (first, second)
    ]
    assert [0, 1] == positions
    ended = await ocs.wait(await ocs.sched())
    assert 412 == (await ocs.get(f"{TP}/tasks/{ended['id']}/queue_position")).status
    nothing = await ocs.get(f"{TP}/tasks/{NOBODY}/queue_position")
    assert (404, "Task not found") == (nothing.status, nothing.message)


async def test_g27_g28_g29_g31_user_reports_as_documented(ocs: Ocs) -> None:
    path = f"{TP}/task/{await ocs.waiting_topics()}"
    begun = (await ocs.get(f"{path}/progress", params={"progress": "0.25"})).task
    assert (0.25, "STATUS_RUNNING") == (begun["progress"], begun["status"])
    assert 0.5 == (await ocs.post(f"{path}/progress", {"progress": 0.5})).task["progress"]
    foreign = await ocs.get(f"{path}/progress", params={"progress": "0.9"}, auth=BOB)
    assert 404 == foreign.status
    assert 0.5 == (await ocs.get(path)).task["progress"]
    ended = (await ocs.post(f"{path}/result", {"output": {"output": "a, b"}})).task
    assert ("STATUS_SUCCESSFUL", {"output": "a, b"}) == (ended["status"], ended["output"])


async def test_g30_result_of_nothing(ocs: Ocs) -> None:
    answer = await ocs.post(f"{TP}/task/{NOBODY}/result", {"output": {}})
    assert 404 == answer.status


async def test_user_ends_a_task_that_a_workflow_is_at(ocs: Ocs) -> None:
    task_id = await ocs.sched("core:text2text:reformulation")
    await ocs.running(task_id)
    run = await run_of(ocs, task_id)
    ended = (await ocs.post(f"{TP}/task/{task_id}/result", {"output": {"output": "mine"}})).task
    assert {"output": "mine"} == ended["output"]
    assert "stopped" == await until(run)
    assert ended == (await ocs.get(f"{TP}/task/{task_id}")).task


async def test_progress_follows_the_nodes(ocs: Ocs) -> None:
    task_id = await ocs.sched("core:text2text:reformulation")

    async def progress() -> float | None:
        task = (await ocs.get(f"{TP}/task/{task_id}")).task
        return task["progress"]

    assert 0.33 == await until(progress)
    await ocs.post(f"{TP}/tasks/{task_id}/cancel")
