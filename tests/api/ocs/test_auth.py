"""Authentication and guards (`nextcloud-ocs §21.3`)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from graphmill.api.ocs.auth import failure_key
from tests.api.ocs.client import ALICE, BOB, NOBODY, TI, TP, TX, W_ALICE, Ocs, W, opened
from tests.api.ocs.workers import header

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPES = f"{TP}/tasktypes"
NEXT = f"{TP}/tasks_provider/next"
W0 = header("worker0", "w0-secret")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def open_ocs(tmp_path_factory: pytest.TempPathFactory, echo_url: str) -> AsyncIterator[Ocs]:
    """With `anonymous` on."""
    async with opened(tmp_path_factory.mktemp("open"), echo_url, anonymous=True) as client:
        yield client


@pytest.mark.parametrize(
    ("version", "options"),
    [
        pytest.param(2, {}, id="A01"),
        pytest.param(1, {}, id="A02"),
        pytest.param(2, {"headers": {"Authorization": "Bearer nope"}}, id="A09"),
        pytest.param(2, {"is_marked": False}, id="A11"),
    ],
)
async def test_nobody_is_asked_to_log_in(ocs: Ocs, version: int, options: Any) -> None:
    answer = await ocs.get(TYPES, auth=None, version=version, **options)
    assert (401, 997) == (answer.status, answer.code)
    assert "Current user is not logged in" == answer.meta["message"]
    assert [] == answer.data
    assert "www-authenticate" not in answer.response.headers


@pytest.mark.parametrize(
    ("path", "headers", "challenge"),
    [
        pytest.param(TYPES, {}, 'Basic realm="Authorisation Required"', id="A03"),
        pytest.param(
            TYPES,
            {"X-Requested-With": "XMLHttpRequest"},
            'DummyBasic realm="Authorisation Required"',
            id="A04",
        ),
        pytest.param("/cloud/capabilities", {}, 'Basic realm="Authorisation Required"', id="A21"),
    ],
)
async def test_wrong_password_is_refused_everywhere(
    ocs: Ocs, path: str, headers: dict[str, str], challenge: str
) -> None:
    answer = await ocs.get(path, auth=("alice", "wrong"), headers=headers)
    assert (401, 997, "Unauthorised") == (answer.status, answer.code, answer.meta["message"])
    assert challenge == answer.response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"auth": ("alice", "alice-app-pw")}, id="A05"),
        pytest.param({"auth": None, "headers": {"Authorization": "Bearer alice-app-pw"}}, id="A07"),
        pytest.param(
            {
                "auth": None,
                "headers": {"Authorization": "Bearer alice-app-pw"},
                "is_marked": False,
            },
            id="A08",
        ),
        pytest.param({"is_marked": False, "headers": {"ocs-apirequest": "true"}}, id="A12"),
        pytest.param({"is_marked": False, "headers": {"OCS-APIREQUEST": "1"}}, id="any value"),
    ],
)
async def test_ways_to_log_in(ocs: Ocs, options: Any) -> None:
    assert 200 == (await ocs.get(TYPES, **options)).status


async def test_a06_mail_address_is_a_login(ocs: Ocs) -> None:
    login = ("alice@example.org", "alice-pw")
    answer = await ocs.order("core:text2text", {"input": "x"}, auth=login)
    assert "alice" == answer.task["userId"]


async def test_a10_without_the_header_there_is_no_envelope(ocs: Ocs) -> None:
    answer = await ocs.get(TYPES, is_marked=False)
    assert 412 == answer.status
    assert {"message": "CSRF check failed"} == answer.response.json()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="A13"),
        pytest.param({"worker": header("worker1", "wrong")}, id="A14"),
        pytest.param({"worker": W0}, id="A15"),
        pytest.param({"worker": {**W, "EX-APP-VERSION": ""}}, id="no version"),
        pytest.param({"worker": {**W, "AUTHORIZATION-APP-API": "%%%"}}, id="no base64"),
    ],
)
async def test_routes_of_workers_are_for_workers(ocs: Ocs, options: Any) -> None:
    query = [
        ("providerIds[]", "worker1:topics"),
        ("taskTypeIds[]", "core:text2text:topics"),
    ]
    answer = await ocs.get(NEXT, params=query, **options)
    assert 412 == answer.status
    assert {"message": "ExApp required"} == answer.response.json()


async def test_a16_worker_acts_for_a_user(ocs: Ocs) -> None:
    answer = await ocs.order("core:text2text", {"input": "x"}, worker=W_ALICE)
    assert "alice" == answer.task["userId"]


@pytest.mark.parametrize(
    "worker",
    [
        pytest.param(W, id="A17"),
        pytest.param(header("worker1", "w1-secret", user="zoe"), id="unknown user"),
        pytest.param(header("worker0", "w0-secret", user="alice"), id="disabled worker"),
    ],
)
async def test_worker_without_a_user_is_nobody(ocs: Ocs, worker: dict[str, str]) -> None:
    answer = await ocs.order("core:text2text", {"input": "x"}, worker=worker)
    assert (401, 997) == (answer.status, answer.code)


async def test_a18_a19_a20_tasks_of_others_are_not_there(ocs: Ocs) -> None:
    task_id = await ocs.waiting_topics()
    shown = await ocs.get(f"{TP}/task/{task_id}", auth=BOB)
    assert (404, "Task not found") == (shown.status, shown.message)
    cancelled = await ocs.post(f"{TP}/tasks/{task_id}/cancel", auth=BOB)
    assert (404, "Not found") == (cancelled.status, cancelled.message)
    assert "STATUS_SCHEDULED" == (await ocs.get(f"{TP}/task/{task_id}")).task["status"]
    listed = (await ocs.get(f"{TP}/tasks", auth=BOB)).data["tasks"]
    assert [] == [task for task in listed if task["userId"] != "bob"]


async def test_a22_a23_anonymous_task_is_for_everybody_but_users(open_ocs: Ocs) -> None:
    answer = await open_ocs.order("core:text2text", {"input": "x"}, auth=None)
    assert answer.task["userId"] is None
    path = f"{TP}/task/{answer.task['id']}"
    assert 200 == (await open_ocs.get(path, auth=None)).status
    assert 404 == (await open_ocs.get(path, auth=ALICE)).status


async def test_a24_nobody_has_files(open_ocs: Ocs) -> None:
    file_id = await open_ocs.upload()
    answer = await open_ocs.order("core:audio2text", {"input": file_id}, auth=None)
    assert (401, 401) == (answer.status, answer.code)
    assert "files" in answer.message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{TP}/tasks"),
        ("GET", f"{TP}/queue_stats"),
        ("GET", f"{TP}/tasks/{{id}}/queue_position"),
        ("POST", f"{TP}/tasks/{{id}}/cancel"),
        ("POST", f"{TP}/task/{{id}}/cancel"),
        ("DELETE", f"{TP}/task/{{id}}"),
        ("GET", f"{TX}/tasks/app/test"),
        ("DELETE", f"{TX}/task/{{id}}"),
        ("GET", f"{TI}/tasks/app/test"),
        ("DELETE", f"{TI}/task/{{id}}"),
    ],
)
async def test_nobody_lists_ends_or_deletes_what_nobody_ordered(
    open_ocs: Ocs, method: str, path: str
) -> None:
    """Strangers, who are nobody as well, could end each other's tasks and read their lists."""
    answer = await open_ocs.order("core:text2text:topics", {"input": "x"}, auth=None)
    task_id = answer.task["id"]
    refused = await open_ocs.call(method, path.format(id=task_id), auth=None)
    assert (401, 997) == (refused.status, refused.code)
    kept = (await open_ocs.get(f"{TP}/task/{task_id}", auth=None)).task
    assert "STATUS_SCHEDULED" == kept["status"]


async def test_guest_sees_no_types_and_schedules_nothing(ocs: Ocs) -> None:
    guest = ("guest", "guest-pw")
    assert {} == (await ocs.get(TYPES, auth=guest)).data["types"]
    assert [] == (await ocs.get(f"{TX}/tasktypes", auth=guest)).data["types"]
    for task_type in ("core:text2text", "nonsense"):
        assert 412 == (await ocs.order(task_type, {"input": "x"}, auth=guest)).status


async def test_guessing_ends_soon_and_for_that_login_only(ocs: Ocs) -> None:
    statuses = [(await ocs.get(TYPES, auth=("eve", f"{i}"))).status for i in range(12)]
    assert [401] * 10 + [429] * 2 == statuses
    assert 200 == (await ocs.get(TYPES)).status


async def test_a_failure_is_counted_by_little_however_long_the_name() -> None:
    keys = {failure_key("password", "x" * length, "192.0.2.1") for length in (1, 10**6, 10**6 + 1)}
    assert 3 == len(keys)
    assert max(map(len, keys)) < 200


async def test_access_is_checked_before_anything_else(ocs: Ocs) -> None:
    answer = await ocs.post(f"{TP}/tasks/{NOBODY}/cancel", auth=None)
    assert 997 == answer.code
