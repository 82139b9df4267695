"""Workers (`nextcloud-ocs §21.10`)."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from graphmill.api.ocs.providers import MAX_BATCH
from graphmill.service.tasks.tasks import LOST
from tests.api.ocs.client import NOBODY, REGISTRATION, TP, Ocs, W, opened
from tests.api.ocs.workers import provider

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOPICS = "core:text2text:topics"
WORK = f"{TP}/tasks_provider"
NEW = provider(
    "worker1:new",
    "core:contextwrite",
    optional_input_shape=[{"name": "len", "description": "d", "shape_type": 0}],
    optional_input_shape_defaults={"len": 100},
)
OWN = provider("worker1:own", "my:type")
OWN_TYPE = {
    "id": "my:type",
    "name": "My",
    "description": "d",
    "input_shape": [{"name": "q", "description": "d", "shape_type": 1}],
    "output_shape": [{"name": "a", "description": "d", "shape_type": 11}],
}


async def register(ocs: Ocs, given: Any, custom: Any = None) -> int:
    body = {"provider": given} if custom is None else {"provider": given, "customTaskType": custom}
    answer = await ocs.post(REGISTRATION, body, version=1, worker=W, is_marked=False)
    assert 200 == answer.status
    return answer.code


async def types(ocs: Ocs) -> dict[str, Any]:
    return dict((await ocs.get(f"{TP}/tasktypes")).data["types"])


async def result(ocs: Ocs, task_id: int, **reported: Any) -> dict[str, Any]:
    nulls = {"output": None, "errorMessage": None, "userFacingErrorMessage": None}
    body = {"taskId": task_id, **nulls, **reported}
    return (await ocs.post(f"{WORK}/{task_id}/result", body, worker=W)).task


async def test_w01_w05_w06_registration_comes_and_goes(ocs: Ocs) -> None:
    assert 100 == await register(ocs, NEW)
    described = (await types(ocs))["core:contextwrite"]
    assert "Number" == described["optionalInputShape"]["len"]["type"]
    assert {"len": 100} == described["optionalInputShapeDefaults"]
    name = {"name": "worker1:new"}
    record = await ocs.get(REGISTRATION, version=1, worker=W, params=name)
    assert ("worker1", "worker1:new", "core:contextwrite") == (
        record.data["app_id"],
        record.data["name"],
        record.data["task_type"],
    )
    gone = await ocs.delete(REGISTRATION, version=1, worker=W, params=name)
    assert (100, []) == (gone.code, gone.data)
    assert "core:contextwrite" not in await types(ocs)
    again = await ocs.delete(REGISTRATION, version=1, worker=W, params=name)
    assert (200, 404) == (again.status, again.code)


@pytest.mark.parametrize(
    ("given", "custom", "message"),
    [
        pytest.param(
            {k: v for k, v in NEW.items() if k != "expected_runtime"},
            None,
            "provider.expected_runtime: Field required",
            id="W02",
        ),
        pytest.param(
            OWN,
            {**OWN_TYPE, "id": "your:type"},
            "The custom task type is another one than that of the provider",
            id="W04",
        ),
        pytest.param(
            OWN,
            {**OWN_TYPE, "input_shape": [{"name": "q"}]},
            "customTaskType.input_shape.0.description: Field required",
            id="no description",
        ),
        pytest.param(
            {**NEW, "expected_runtime": "soon"},
            None,
            "provider.expected_runtime: Input should be a valid integer",
            id="no number",
        ),
        pytest.param(
            {
                **NEW,
                "optional_input_shape": [{"name": "a", "description": "d", "shape_type": 99}],
            },
            None,
            "99 is no shape type",
            id="no shape type",
        ),
    ],
)
async def test_what_is_no_registration_is_refused(
    ocs: Ocs, given: Any, custom: Any, message: str
) -> None:
    body = {"provider": given, "customTaskType": custom}
    answer = await ocs.post(REGISTRATION, body, version=1, worker=W)
    assert (200, 400) == (answer.status, answer.code)
    assert f"This is no provider: {message}" == answer.message


async def test_w03_type_of_a_worker(ocs: Ocs) -> None:
    assert 100 == await register(ocs, OWN, OWN_TYPE)
    described = (await types(ocs))["my:type"]
    assert ("My", "Text", "ListOfTexts") == (
        described["name"],
        described["inputShape"]["q"]["type"],
        described["outputShape"]["a"]["type"],
    )


async def test_registrations_outlive_a_restart(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url) as ocs:
        await register(ocs, OWN, OWN_TYPE)
    async with opened(tmp_path, echo_url) as ocs:
        assert "my:type" in await types(ocs)


async def test_empty_maps_may_come_as_lists(ocs: Ocs) -> None:
    given = provider("worker1:php", "core:generateemoji", input_shape_enum_values=[])
    assert 100 == await register(ocs, given)


async def test_w07_w14_next_gives_the_oldest(ocs: Ocs) -> None:
    await ocs.drain()
    waiting = [await ocs.waiting_topics() for _ in range(3)]
    answer = await ocs.next("worker1:topics", TOPICS)
    assert (waiting[0], "STATUS_RUNNING") == (answer.task["id"], answer.task["status"])
    assert answer.task["startedAt"] is not None
    assert {"name": "worker1:topics", "id": "worker1:topics"} == answer.data["provider"]


async def test_w08_next_with_a_query(ocs: Ocs) -> None:
    await ocs.drain()
    task_id = await ocs.waiting_topics()
    query = [("providerIds[]", "worker1:topics"), ("taskTypeIds[]", TOPICS)]
    assert task_id == (await ocs.get(f"{WORK}/next", params=query, worker=W)).task["id"]


async def test_w09_w10_nothing_waits(ocs: Ocs) -> None:
    await ocs.drain()
    answer = await ocs.next("worker1:topics", TOPICS)
    assert (204, b"") == (answer.status, answer.response.content)
    body = {"providerIds": ["worker1:topics"], "taskTypeIds": [TOPICS]}
    old = await ocs.call("GET", f"{WORK}/next", version=1, worker=W, json=body)
    assert (200, 204, "failure", None) == (old.status, old.code, old.meta["status"], old.data)


@pytest.mark.parametrize(
    ("provider_id", "task_type"),
    [
        pytest.param("worker1:other", TOPICS, id="W11"),
        pytest.param("worker1:topics", "core:text2text", id="W12"),
    ],
)
async def test_tasks_are_for_their_own_provider(ocs: Ocs, provider_id: str, task_type: str) -> None:
    task_id = await ocs.waiting_topics()
    assert 204 == (await ocs.next(provider_id, task_type)).status
    assert "STATUS_SCHEDULED" == (await ocs.get(f"{TP}/task/{task_id}")).task["status"]


async def test_w13_two_workers_never_get_the_same_task(ocs: Ocs) -> None:
    await ocs.drain()
    for _ in range(10):
        await ocs.waiting_topics()
        answers = await asyncio.gather(*(ocs.next("worker1:topics", TOPICS) for _ in range(4)))
        assert [200, 204, 204, 204] == sorted(answer.status for answer in answers)


async def test_w15_w16_batch(ocs: Ocs) -> None:
    await ocs.drain()
    waiting = [await ocs.waiting_topics() for _ in range(3)]
    batch = (await ocs.next("worker1:topics", TOPICS, path="next_batch", numberOfTasks=2)).data
    assert waiting[:2] == [entry["task"]["id"] for entry in batch["tasks"]]
    assert ["worker1:topics"] * 2 == [entry["provider"] for entry in batch["tasks"]]
    assert batch["has_more"] is True
    await ocs.drain()
    empty = await ocs.next("worker1:topics", TOPICS, path="next_batch")
    assert {"tasks": [], "has_more": False} == empty.data


async def test_batch_has_an_end_however_much_is_asked_for(ocs: Ocs) -> None:
    await ocs.drain()
    for _ in range(MAX_BATCH + 1):
        await ocs.waiting_topics()
    batch = (await ocs.next("worker1:topics", TOPICS, path="next_batch", numberOfTasks=10**9)).data
    assert (MAX_BATCH, True) == (len(batch["tasks"]), batch["has_more"])
    await ocs.drain()


async def test_w17_w18_progress(ocs: Ocs) -> None:
    task_id = await ocs.claimed_topics()
    body = {"taskId": task_id, "progress": 0.4}
    answer = await ocs.post(f"{WORK}/{task_id}/progress", body, worker=W)
    assert 0.4 == answer.task["progress"]
    path = f"{TP}/task/{task_id}"
    assert 0.4 == (await ocs.get(path)).task["progress"]
    phone = {"User-Agent": "Mozilla/5.0 (iOS) Nextcloud-iOS/6.0"}
    assert (await ocs.get(path, headers=phone)).task["progress"] is None


async def test_w19_progress_beyond_its_end(ocs: Ocs) -> None:
    task_id = await ocs.claimed_topics()
    answer = await ocs.post(f"{WORK}/{task_id}/progress", {"progress": 1.5}, worker=W)
    assert 400 == answer.status
    assert "Progress must be between 0.0 and 1.0 inclusively; 1.5 given" == answer.message
    assert (await ocs.get(f"{TP}/task/{task_id}")).task["progress"] is None


@pytest.mark.parametrize(
    ("call", "body"),
    [
        pytest.param("progress", {"json": {"progress": 0.1}}, id="W20"),
        pytest.param("result", {"json": {"output": {}}}, id="W28"),
        pytest.param("file", {"files": {"file": b"x"}}, id="W31"),
    ],
)
async def test_task_that_is_not_there(ocs: Ocs, call: str, body: Any) -> None:
    answer = await ocs.call("POST", f"{WORK}/{NOBODY}/{call}", worker=W, **body)
    assert (404, "Not found") == (answer.status, answer.message)


async def test_w21_result(ocs: Ocs) -> None:
    task_id = await ocs.claimed_topics()
    task = await result(ocs, task_id, output={"output": "a, b", "junk": 1})
    expected = ("STATUS_SUCCESSFUL", {"output": "a, b"}, 1)
    assert expected == (task["status"], task["output"], task["progress"])


@pytest.mark.parametrize(
    "output",
    [pytest.param({"wrong": "x"}, id="W22"), pytest.param({"output": 5}, id="W23")],
)
async def test_result_that_does_not_fit(ocs: Ocs, output: Any) -> None:
    task = await result(ocs, await ocs.claimed_topics(), output=output)
    expected = ("STATUS_FAILED", None, 1)
    assert expected == (task["status"], task["output"], task["progress"])
    assert task["endedAt"] is not None


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        pytest.param({"userFacingErrorMessage": "Sorry"}, "Sorry", id="W24"),
        pytest.param({}, None, id="W25"),
    ],
)
async def test_failure_shows_what_is_for_the_user(ocs: Ocs, reported: Any, shown: Any) -> None:
    task = await result(ocs, await ocs.claimed_topics(), errorMessage="boom", **reported)
    assert ("STATUS_FAILED", shown) == (task["status"], task["userFacingErrorMessage"])
    assert "boom" not in str(task)


async def test_report_of_nothing_changes_nothing(ocs: Ocs) -> None:
    task_id = await ocs.claimed_topics()
    assert "STATUS_RUNNING" == (await result(ocs, task_id))["status"]


async def test_w26_w27_cancelled_task_stays_cancelled(ocs: Ocs) -> None:
    task_id = await ocs.claimed_topics()
    await ocs.post(f"{TP}/tasks/{task_id}/cancel")
    task = await result(ocs, task_id, output={"output": "late"})
    assert ("STATUS_CANCELLED", None) == (task["status"], task["output"])
    answer = await ocs.post(f"{WORK}/{task_id}/progress", {"progress": 0.5}, worker=W)
    assert "STATUS_CANCELLED" == answer.task["status"]


async def spoken(ocs: Ocs) -> int:
    task_id = await ocs.sched("core:text2speech")
    await ocs.next("worker1:tts", "core:text2speech")
    return task_id


async def test_w29_w32_file_for_a_result(ocs: Ocs) -> None:
    task_id = await spoken(ocs)
    sent = {"file": b"ID3 sound"}
    answer = await ocs.call("POST", f"{WORK}/{task_id}/file", worker=W, files=sent)
    assert (201, 201, "ok") == (answer.status, answer.code, answer.meta["status"])
    file_id = answer.data["fileId"]
    task = await result(ocs, task_id, output={"speech": file_id})
    assert "STATUS_SUCCESSFUL" == task["status"]
    got = await ocs.get(f"{TP}/tasks/{task_id}/file/{file_id}")
    assert b"ID3 sound" == got.response.content
    assert "audio/mpeg" == got.response.headers["content-type"]


async def test_w30_upload_without_a_file(ocs: Ocs) -> None:
    task_id = await spoken(ocs)
    sent = {"other": (None, "x")}
    answer = await ocs.call("POST", f"{WORK}/{task_id}/file", worker=W, files=sent)
    assert (400, "Bad request") == (answer.status, answer.message)


async def test_w33_result_with_a_file_that_is_not_there(ocs: Ocs) -> None:
    task = await result(ocs, await spoken(ocs), output={"speech": NOBODY})
    assert "STATUS_FAILED" == task["status"]


async def test_result_cannot_name_a_file_of_somebody_else(ocs: Ocs) -> None:
    foreign = await ocs.upload(auth=("bob", "bob-pw"))
    task_id = await spoken(ocs)
    body = {"output": {"speech": foreign}}
    answer = await ocs.post(f"{TP}/task/{task_id}/result", body)
    assert "STATUS_FAILED" == answer.task["status"]
    assert 404 == (await ocs.get(f"{TP}/tasks/{task_id}/file/{foreign}")).status


async def test_w34_w35_worker_reads_the_files_of_a_task(ocs: Ocs) -> None:
    own, foreign = await ocs.upload(b"own"), await ocs.upload(auth=("bob", "bob-pw"))
    task_id = await ocs.sched("core:audio2text", {"input": own})
    path = f"{WORK}/{task_id}/file"
    accept = {"Accept": "application/json"}
    assert b"own" == (await ocs.get(f"{path}/{own}", worker=W, headers=accept)).response.content
    answer = await ocs.get(f"{path}/{foreign}", worker=W)
    assert (404, "Not found") == (answer.status, answer.message)


async def test_w36_w37_partial_output(ocs: Ocs) -> None:
    task_id = await ocs.claimed_topics()
    path, body = f"{WORK}/{task_id}/stream-result", {"output": {"output": "par"}}
    assert 200 == (await ocs.post(path, body, worker=W)).status
    task = (await ocs.get(f"{TP}/task/{task_id}")).task
    assert ("STATUS_RUNNING", {"output": "par"}) == (task["status"], task["output"])
    await result(ocs, task_id, output={"output": "partial no more"})
    await ocs.post(path, body, worker=W)
    after = (await ocs.get(f"{TP}/task/{task_id}")).task
    assert {"output": "partial no more"} == after["output"]


async def test_w38_w40_task_of_a_worker(ocs: Ocs) -> None:
    body = {"input": {"input": "x"}, "type": "core:text2text", "appId": "w"}
    answer = await ocs.post(f"{TP}/tasks_consumer/schedule", body, worker=W)
    assert answer.task["userId"] is None
    task_id = answer.task["id"]
    assert 200 == (await ocs.get(f"{TP}/tasks_consumer/task/{task_id}", worker=W)).status
    assert 404 == (await ocs.get(f"{TP}/task/{task_id}")).status


async def test_w39_worker_has_no_files(ocs: Ocs) -> None:
    body = {"input": {"input": await ocs.upload()}, "type": "core:audio2text", "appId": "w"}
    answer = await ocs.post(f"{TP}/tasks_consumer/schedule", body, worker=W)
    assert (401, 401) == (answer.status, answer.code)
    expected = "Cannot schedule task with files referenced without user context"
    assert expected == answer.message


async def test_w41_worker_cancels_and_deletes_its_task(ocs: Ocs) -> None:
    body = {"input": {"input": "x"}, "type": "core:text2text", "appId": "w"}
    answer = await ocs.post(f"{TP}/tasks_consumer/schedule", body, worker=W)
    task_id = answer.task["id"]
    path = f"{TP}/tasks_consumer"
    assert 200 == (await ocs.post(f"{path}/tasks/{task_id}/cancel", worker=W)).status
    assert 200 == (await ocs.delete(f"{path}/task/{task_id}", worker=W)).status


async def test_w42_w43_worker_asks_and_tells_how_it_is(ocs: Ocs) -> None:
    state = await ocs.get("/apps/app_api/ex-app/state", version=1, worker=W)
    assert (100, 1) == (state.code, state.data)
    status = {"progress": 100, "error": ""}
    answer = await ocs.call("PUT", "/apps/app_api/ex-app/status", version=1, worker=W, json=status)
    assert (100, []) == (answer.code, answer.data)


async def test_configured_provider_needs_no_registration(tmp_path: Path, echo_url: str) -> None:
    bound = {"core:text2text:headline": {"provider": "worker1:heads", "expected_runtime": 7}}
    async with opened(tmp_path, echo_url, task_types=bound) as ocs:
        answer = await ocs.order("core:text2text:headline", {"input": "x"})
        assert 7 == answer.task["completionExpectedAt"] - answer.task["scheduledAt"]
        claimed = await ocs.next("worker1:heads", "core:text2text:headline")
        assert answer.task["id"] == claimed.task["id"]


async def test_configured_provider_leaves_with_its_registration(
    tmp_path: Path, echo_url: str
) -> None:
    headline = "core:text2text:headline"
    bound = {headline: {"provider": "worker1:heads"}}
    async with opened(tmp_path, echo_url, task_types=bound) as ocs:
        given, name = provider("worker1:heads", headline), {"name": "worker1:heads"}
        assert 100 == await register(ocs, given)
        assert 100 == (await ocs.delete(REGISTRATION, version=1, worker=W, params=name)).code
        assert headline not in await types(ocs)
        assert 412 == (await ocs.order(headline, {"input": "x"})).status
        assert 100 == await register(ocs, given)
        assert headline in await types(ocs)


async def test_task_of_a_lost_worker_fails(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url) as ocs:
        task_id = await ocs.claimed_topics()
        tasks = ocs.services.ocs.tasks
        await tasks.expire_leases(now=time.time() + 500)
        assert "STATUS_RUNNING" == (await ocs.get(f"{TP}/task/{task_id}")).task["status"]
        await tasks.expire_leases(now=time.time() + 700)
        task = (await ocs.get(f"{TP}/task/{task_id}")).task
        assert ("STATUS_FAILED", LOST) == (task["status"], task["userFacingErrorMessage"])
