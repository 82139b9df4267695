"""Rate limits (`nextcloud-ocs §21.4`)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.api.ocs.client import BOB, TI, TP, TX, Ocs, W, opened

ORDER = {"input": {"input": "x"}, "type": "core:text2text", "appId": "test"}
TEXT = {"input": "x", "type": r"OCP\TextProcessing\FreePromptTaskType", "appId": "test"}


@pytest_asyncio.fixture
async def fresh(tmp_path: Path, echo_url: str) -> AsyncIterator[Ocs]:
    """A server with the limits that Nextcloud has."""
    async with opened(tmp_path, echo_url, rate_limit={}, anonymous=True) as client:
        yield client


async def test_r01_r02_r03_r04_r05_r06_twenty_tasks_in_two_minutes(fresh: Ocs) -> None:
    answers = [await fresh.post(f"{TP}/schedule", ORDER) for _ in range(21)]
    assert [200] * 20 + [429] == [answer.status for answer in answers]
    refused = answers[-1]
    text = "Rate limit exceeded"
    assert {"status": "failure", "statuscode": 429, "message": text} == refused.meta
    assert {"message": text} == refused.data
    assert 1 <= int(refused.response.headers["retry-after"]) <= 120
    old = await fresh.post(f"{TP}/schedule", ORDER, version=1)
    assert (429, 429, text) == (old.status, old.code, old.message)
    assert "retry-after" in old.response.headers
    assert 200 == (await fresh.post(f"{TP}/schedule", ORDER, auth=BOB)).status
    path = f"{TP}/task/{answers[0].task['id']}"
    assert {200} == {(await fresh.get(path)).status for _ in range(60)}


async def test_r07_mistakes_count(fresh: Ocs) -> None:
    wrong = {**ORDER, "input": {}}
    statuses = [(await fresh.post(f"{TP}/schedule", wrong)).status for _ in range(20)]
    assert [400] * 20 == statuses
    assert 429 == (await fresh.post(f"{TP}/schedule", ORDER)).status


async def test_r08_nobody_has_five(fresh: Ocs) -> None:
    answers = [await fresh.post(f"{TP}/schedule", ORDER, auth=None) for _ in range(6)]
    assert [200] * 5 + [429] == [answer.status for answer in answers]


async def test_r09_each_api_has_a_counter_of_its_own(fresh: Ocs) -> None:
    statuses = [(await fresh.post(f"{TX}/schedule", TEXT)).status for _ in range(21)]
    assert [200] * 20 + [429] == statuses
    assert 200 == (await fresh.post(f"{TP}/schedule", ORDER)).status


async def test_r10_workers_are_not_counted(fresh: Ocs) -> None:
    task_id = await fresh.claimed_topics()
    path = f"{TP}/tasks_provider/{task_id}/progress"
    answers = [await fresh.post(path, {"progress": 0.1}, worker=W) for _ in range(30)]
    assert {200} == {answer.status for answer in answers}
    orders = [await fresh.post(f"{TP}/tasks_consumer/schedule", ORDER, worker=W) for _ in range(25)]
    assert {200} == {answer.status for answer in orders}


async def test_lists_of_images_are_not_counted(fresh: Ocs) -> None:
    path = f"{TI}/tasks/app/test"
    assert {200} == {(await fresh.get(path)).status for _ in range(30)}


async def test_users_can_be_exempt_and_reading_can_be_counted(
    tmp_path: Path, echo_url: str
) -> None:
    limits = {"user": [1, 60], "fetch": [2, 60], "exempt": ["bob"]}
    async with opened(tmp_path, echo_url, rate_limit=limits) as ocs:
        assert [200, 429] == [(await ocs.post(f"{TP}/schedule", ORDER)).status for _ in range(2)]
        bobs = [(await ocs.post(f"{TP}/schedule", ORDER, auth=BOB)).status for _ in range(2)]
        assert [200, 200] == bobs
        assert [404, 404, 429] == [(await ocs.get(f"{TP}/task/9")).status for _ in range(3)]


async def test_task_that_meets_the_ceiling_of_runs_waits(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url, limits={"runs": 1}) as client:
        slow = await client.sched("core:text2text:reformulation")
        await client.running(slow)
        waiting = [await client.sched() for _ in range(2)]
        await client.running(waiting[-1])
        assert 200 == (await client.post(f"{TP}/tasks/{slow}/cancel")).status
        ended = [await client.wait(task_id) for task_id in waiting]
    assert ["STATUS_SUCCESSFUL"] * 2 == [task["status"] for task in ended]
