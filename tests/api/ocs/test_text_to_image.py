"""Text-To-Image (`nextcloud-ocs §21.13`)."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.ocs.client import BOB, NOBODY, TI, Ocs, opened, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = {"input": "cat", "appId": "test", "identifier": "x", "numberOfImages": 2}


async def drawn(ocs: Ocs) -> int:
    """A task that has its pictures."""
    task_id = (await ocs.post(f"{TI}/schedule", ORDER)).task["id"]

    async def ended() -> bool | None:
        return (await ocs.get(f"{TI}/task/{task_id}")).task["status"] == 3 or None

    await until(ended)
    return int(task_id)


async def test_i01_available(ocs: Ocs) -> None:
    assert (await ocs.get(f"{TI}/is_available")).data["isAvailable"] is True


async def test_i02_i06_unavailable(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url, task_types={}) as ocs:
        assert (await ocs.get(f"{TI}/is_available")).data["isAvailable"] is False
        answer = await ocs.post(f"{TI}/schedule", ORDER)
        assert (412, "No text to image provider is available") == (
            answer.status,
            answer.message,
        )


async def test_i03_i04_task(ocs: Ocs) -> None:
    task = (await ocs.post(f"{TI}/schedule", ORDER)).task
    assert task["status"] in (1, 2, 3)
    assert (2, "cat", "x") == (task["numberOfImages"], task["input"], task["identifier"])
    assert isinstance(task["completionExpectedAt"], int)
    assert not {"type", "output"} & task.keys()
    usual = {name: ORDER[name] for name in ("input", "appId")}
    assert 8 == (await ocs.post(f"{TI}/schedule", usual)).task["numberOfImages"]


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        pytest.param({"numberOfImages": 12}, 200, None, id="I05 most"),
        pytest.param(
            {"numberOfImages": 13}, 412, "Cannot generate more than 12 images", id="I05 more"
        ),
        pytest.param(
            {"numberOfImages": 0}, 412, "Cannot generate less than 1 image", id="I05 none"
        ),
        pytest.param({"input": "x" * 64_001}, 412, "Input text is too long", id="too long"),
    ],
)
async def test_ranges(ocs: Ocs, more: Any, status: int, message: str | None) -> None:
    answer = await ocs.post(f"{TI}/schedule", {**ORDER, **more})
    assert (status, message) == (answer.status, answer.data.get("message"))


async def test_i07_i08_i09_i10_i11_pictures(ocs: Ocs) -> None:
    task_id = await drawn(ocs)
    shown = (await ocs.get(f"{TI}/task/{task_id}")).task
    assert shown == (await ocs.post(f"{TI}/task/{task_id}")).task
    path = f"{TI}/task/{task_id}/image"
    first = await ocs.get(f"{path}/0")
    assert (200, "image/png") == (first.status, first.response.headers["content-type"])
    assert 'inline; filename="0"' == first.response.headers["content-disposition"]
    assert first.response.content.startswith(b"\x89PNG")
    second = await ocs.post(f"{path}/1")
    assert second.response.headers["content-type"].startswith("image/")
    third = await ocs.get(f"{path}/2")
    assert (404, "Image not found") == (third.status, third.message)


async def test_i12_picture_that_is_not_drawn_yet(tmp_path: Path, echo_url: str) -> None:
    bound = {"core:text2image": {"provider": "worker1:draw"}}
    async with opened(tmp_path, echo_url, task_types=bound) as ocs:
        task_id = (await ocs.post(f"{TI}/schedule", ORDER)).task["id"]
        answer = await ocs.get(f"{TI}/task/{task_id}/image/0")
        assert (404, "Image not found") == (answer.status, answer.message)


async def test_i13_i17_task_that_is_not_there(ocs: Ocs) -> None:
    task_id = await drawn(ocs)
    for path, auth in (
        (f"{TI}/task/{NOBODY}/image/0", ("alice", "alice-pw")),
        (f"{TI}/task/{task_id}", BOB),
        (f"{TI}/task/{task_id}/image/0", BOB),
    ):
        answer = await ocs.get(path, auth=auth)
        assert (404, "Task not found") == (answer.status, answer.message)


async def test_i14_i15_list_deletes_nothing(ocs: Ocs) -> None:
    task_id = await drawn(ocs)
    path = f"{TI}/tasks/app/test"
    listed = (await ocs.get(path, params={"identifier": "x"})).data["tasks"]
    assert task_id in [task["id"] for task in listed]
    ids = [task["id"] for task in (await ocs.get(path)).data["tasks"]]
    assert ids == [task["id"] for task in (await ocs.delete(path)).data["tasks"]]
    assert 200 == (await ocs.get(f"{TI}/task/{task_id}")).status


async def test_i16_deleting_shows_the_task_once_more(ocs: Ocs) -> None:
    path = f"{TI}/task/{await drawn(ocs)}"
    shown = (await ocs.get(path)).task
    assert shown == (await ocs.delete(path)).task
    assert 404 == (await ocs.get(path)).status
