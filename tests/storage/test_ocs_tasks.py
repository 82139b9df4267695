"""Tasks in the database: what was asked for, and who made a change."""

from dataclasses import replace

from graphmill.ids import new_id
from graphmill.storage.database import Database
from graphmill.storage.ocs_tasks import (
    NewTask,
    Task,
    TaskApi,
    TaskQuery,
    TaskStatus,
    TaskStore,
    Unfinished,
)

NEW = NewTask(
    TaskApi.TASK,
    "core:text2text",
    "alice",
    "mail",
    "c-1",
    scheduled_at=1000.5,
    expected_seconds=7,
    input={"input": "hi", "numbers": [1, 2.5]},
    webhook_uri="http://a/",
    webhook_method="HTTP:POST",
)
WAITING = (TaskStatus.SCHEDULED,)


async def test_task_is_what_was_added(database: Database) -> None:
    store = TaskStore(database)
    task = await store.add(NEW)
    expected = {name: getattr(NEW, name) for name in NewTask.__dataclass_fields__}
    assert expected == {name: getattr(task, name) for name in expected}
    assert (1, TaskStatus.SCHEDULED, 1000.5, ()) == (
        task.id,
        task.status,
        task.last_updated,
        task.files,
    )
    assert task == await store.get(task.id)


async def test_texts_that_utf8_cannot_hold_are_kept_in_another_spelling(
    database: Database,
) -> None:
    store = TaskStore(database)
    task = await store.add(replace(NEW, app_id="\ud800", input={"input": "\ud800"}))
    assert "\\ud800" == task.app_id
    assert [task] == await store.find(TaskQuery(TaskApi.TASK, "alice", app_id="\ud800"))
    assert {"input": "\ud800"} == task.input


async def test_only_one_of_two_changes_is_made(database: Database) -> None:
    store = TaskStore(database)
    task = await store.add(NEW)
    first, is_first = await store.change(task, WAITING, status=TaskStatus.RUNNING, run_id=new_id())
    second, is_second = await store.change(task, WAITING, status=TaskStatus.CANCELLED)
    assert (True, False) == (is_first, is_second)
    assert first is not None
    assert TaskStatus.RUNNING is first.status
    assert first == second


async def test_deleted_task_cannot_be_changed(database: Database) -> None:
    store = TaskStore(database)
    task = await store.add(NEW)
    await store.delete(task.id)
    assert (None, False) == await store.change(task, WAITING, status=TaskStatus.RUNNING)


async def test_ids_are_not_used_again(database: Database) -> None:
    store = TaskStore(database)
    first = await store.add(NEW)
    await store.delete(first.id)
    assert first.id + 1 == (await store.add(NEW)).id


async def added(store: TaskStore, *tasks: NewTask) -> list[Task]:
    return [await store.add(task) for task in tasks]


async def test_lists_hold_what_all_filters_allow(database: Database) -> None:
    store = TaskStore(database)
    plain, other_type, other_app, nobodys, _ = await added(
        store,
        NEW,
        replace(NEW, type="core:other"),
        replace(NEW, app_id="text", custom_id=""),
        replace(NEW, user_id=None),
        replace(NEW, api=TaskApi.TEXT),
    )
    alice = TaskQuery(TaskApi.TASK, "alice")
    assert [plain, other_type, other_app] == await store.find(alice)
    assert [other_type] == await store.find(replace(alice, type="core:other", custom_id="c-1"))
    assert [other_app] == await store.find(replace(alice, custom_id=""))
    assert [] == await store.find(replace(alice, app_id="text", type="core:other"))
    assert [nobodys] == await store.find(replace(alice, user_id=None))


async def test_queue_is_in_the_order_of_ids(database: Database) -> None:
    store = TaskStore(database)
    first, other, second = await added(store, NEW, replace(NEW, type="core:other"), NEW)
    assert [first, second] == await store.waiting(["core:text2text"], limit=5)
    assert [first, other] == await store.waiting(["core:other", "core:text2text"], limit=2)
    assert [0, 0, 1] == [await store.ahead_of(task) for task in (first, other, second)]
    await store.change(first, WAITING, status=TaskStatus.RUNNING)
    counts = [
        await store.count(TaskStatus.SCHEDULED, []),
        await store.count(TaskStatus.SCHEDULED, ["core:text2text"]),
        await store.count(TaskStatus.RUNNING, ["core:text2text", "core:other"]),
    ]
    assert [2, 1, 1] == counts


async def test_what_has_not_ended_is_listed_shortly(database: Database) -> None:
    store = TaskStore(database)
    waiting, running, ended = await added(store, NEW, NEW, NEW)
    await store.change(running, WAITING, status=TaskStatus.RUNNING, run_id="r")
    await store.change(ended, WAITING, status=TaskStatus.FAILED)
    assert [
        Unfinished(waiting.id, NEW.type, TaskStatus.SCHEDULED, None),
        Unfinished(running.id, NEW.type, TaskStatus.RUNNING, "r"),
    ] == await store.unfinished()


async def test_workers_that_say_nothing_are_found(database: Database) -> None:
    store = TaskStore(database)
    silent, heard, ours, waiting = await added(store, NEW, NEW, NEW, NEW)
    run = {"status": TaskStatus.RUNNING}
    await store.change(silent, WAITING, **run, last_updated=1999.0)
    await store.change(heard, WAITING, **run, last_updated=2000.0)
    await store.change(ours, WAITING, **run, last_updated=1999.0, run_id="r")
    assert [silent.id] == [task.id for task in await store.silent(before=2000.0)]
    assert waiting.last_updated < 1999.0
