"""TextProcessing (`nextcloud-ocs §21.12`)."""

import pytest

from tests.api.ocs.client import NOBODY, TP, TX, Ocs

pytestmark = pytest.mark.asyncio(loop_scope="module")

FREE = r"OCP\TextProcessing\FreePromptTaskType"
ORDER = {"input": "hi", "type": FREE, "appId": "test", "identifier": "i-1"}


async def test_x01_x02_x03_x13_task(ocs: Ocs) -> None:
    answer = await ocs.post(f"{TX}/schedule", ORDER)
    task = answer.task
    assert task["status"] in (1, 2, 3)
    expected = {"type": FREE, "identifier": "i-1", "input": "hi", "userId": "alice"}
    assert expected == {name: task[name] for name in expected}
    assert "customId" not in task
    assert isinstance(task["completionExpectedAt"], int)
    assert task["id"] == answer.data["id"]
    # The workflow is quick, so that the answer had waited for it.
    shown = (await ocs.get(f"{TX}/task/{task['id']}")).task
    assert (3, "hi") == (shown["status"], shown["output"])
    assert shown == (await ocs.post(f"{TX}/task/{task['id']}")).task == task


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        pytest.param(
            {"type": r"OCP\TextProcessing\NoSuchType"},
            400,
            "Requested task type does not exist",
            id="X04",
        ),
        pytest.param(
            {"type": r"OCP\TextProcessing\HeadlineTaskType"},
            412,
            "Necessary language model provider is not available",
            id="X05",
        ),
        pytest.param({"input": "x" * 64_001}, 400, "Input text is too long", id="too long"),
        pytest.param(
            {"identifier": "x" * 256},
            400,
            "identifier must have at most 255 characters",
            id="long identifier",
        ),
        pytest.param({"input": None}, 400, 'Parameter "input" is missing', id="no input"),
    ],
)
async def test_orders_that_are_refused(
    ocs: Ocs, more: dict[str, str], status: int, message: str
) -> None:
    answer = await ocs.post(f"{TX}/schedule", {**ORDER, **more})
    assert (status, message) == (answer.status, answer.message)


async def test_leading_backslash_is_fine(ocs: Ocs) -> None:
    answer = await ocs.post(f"{TX}/schedule", {**ORDER, "type": f"\\{FREE}"})
    assert FREE == answer.task["type"]


async def test_x06_nothing(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TX}/task/{NOBODY}")
    assert (404, "Task not found") == (answer.status, answer.message)


async def test_x07_list(ocs: Ocs) -> None:
    task_id = (await ocs.post(f"{TX}/schedule", ORDER)).task["id"]
    await ocs.post(f"{TX}/schedule", {**ORDER, "identifier": "other"})
    tasks = (await ocs.get(f"{TX}/tasks/app/test", params={"identifier": "i-1"})).data["tasks"]
    assert task_id in [task["id"] for task in tasks]
    assert {"i-1"} == {task["identifier"] for task in tasks}


async def test_x08_x09_deleting_shows_the_task_once_more(ocs: Ocs) -> None:
    path = f"{TX}/task/{(await ocs.post(f'{TX}/schedule', ORDER)).task['id']}"
    shown = (await ocs.get(path)).task
    assert shown == (await ocs.delete(path)).task
    assert 404 == (await ocs.get(path)).status
    again = await ocs.delete(path)
    assert (404, "Task not found") == (again.status, again.message)


async def test_x10_apis_are_apart(ocs: Ocs) -> None:
    task_id = (await ocs.post(f"{TX}/schedule", ORDER)).task["id"]
    assert 404 == (await ocs.get(f"{TP}/task/{task_id}")).status


async def test_x11_form(ocs: Ocs) -> None:
    body = "input=hi&type=OCP%5CTextProcessing%5CFreePromptTaskType&appId=assistant&identifier="
    answer = await ocs.call(
        "POST",
        f"{TX}/schedule",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert ("hi", "") == (answer.task["output"], answer.task["identifier"])


async def test_x12_nobody_schedules(ocs: Ocs) -> None:
    answer = await ocs.post(f"{TX}/schedule", ORDER, auth=None)
    assert (401, 997) == (answer.status, answer.code)
