"""The log of runs (`service-api §29`, rows 148-167)."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.dify.client import Api, Json, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def logs(api: Api, app: str = "main", **query: Any) -> httpx.Response:
    return await api.get("/workflows/logs", app=app, params=query)


async def run_ids(api: Api, **query: Any) -> list[str]:
    response = await logs(api, **query)
    assert response.status_code == 200, response.text
    return [entry["workflow_run"]["id"] for entry in response.json()["data"]]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def runs(api: Api) -> list[str]:
    """Ids of the main app's runs, newest first."""
    orders = [
        ({"name": "Ann", "bio": "100% sure_ly"}, "blocking", "one"),
        ({"name": "日本", "bio": 'say "hi"'}, "streaming", "two"),
        ({"name": "Bob"}, "blocking", "two"),
    ]
    for inputs, mode, user in orders:
        response = await api.run(inputs, response_mode=mode, user=user)
        assert response.status_code == 200, response.text
    ids = await run_ids(api)
    assert 3 == len(ids)
    return ids


async def test_entry_has_all_its_members(api: Api, runs: list[str]) -> None:
    body = (await logs(api)).json()
    assert {"page": 1, "limit": 20, "total": 3, "has_more": False} == {
        key: body[key] for key in ("page", "limit", "total", "has_more")
    }
    entry = body["data"][0]
    run, user = entry["workflow_run"], entry["created_by_end_user"]
    assert [
        "id",
        "workflow_run",
        "details",
        "created_from",
        "created_by_role",
        "created_by_account",
        "created_by_end_user",
        "created_at",
    ] == list(entry)
    assert [
        "id",
        "version",
        "status",
        "triggered_from",
        "error",
        "elapsed_time",
        "total_tokens",
        "total_steps",
        "created_at",
        "finished_at",
        "exceptions_count",
    ] == list(run)
    assert ("service-api", "end_user", None) == (
        entry["created_from"],
        entry["created_by_role"],
        entry["created_by_account"],
    )
    assert {
        "type": "service-api",
        "is_anonymous": False,
        "session_id": "two",
    }.items() <= user.items()
    assert ("succeeded", "app-run", 2) == (run["status"], run["triggered_from"], run["total_steps"])
    assert entry["id"] != run["id"] == runs[0]
    assert {int} == {
        type(value) for value in (run["created_at"], run["finished_at"], entry["created_at"])
    }


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, [0, 1, 2]),
        ({"limit": 1}, [0]),
        ({"limit": 1, "page": 3}, [2]),
        ({"limit": 2, "page": 2}, [2]),
        ({"page": 9999}, []),
        ({"keyword": "ann"}, [2]),
        ({"keyword": "日本"}, [1]),
        ({"keyword": "100% sure_ly"}, [2]),
        ({"keyword": "_"}, [0, 1, 2]),
        ({"keyword": "1_0%"}, []),
        ({"keyword": 'say "hi"'}, [1]),
        ({"keyword": "two"}, [0, 1]),
        ({"keyword": ""}, [0, 1, 2]),
        ({"keyword": "Ann" + "x" * 30}, []),
        ({"status": "succeeded"}, [0, 1, 2]),
        ({"status": "failed"}, []),
        ({"status": "stopped"}, []),
        ({"created_by_end_user_session_id": "one"}, [2]),
        ({"created_by_end_user_session_id": "nobody"}, []),
        ({"created_by_end_user_session_id": "two", "keyword": "bob"}, [0]),
        ({"created_at__after": "2020-01-01"}, [0, 1, 2]),
        ({"created_at__after": "2020-01-01T00:00:00Z"}, [0, 1, 2]),
        ({"created_at__after": "2020-01-01T00:00:00+02:00"}, [0, 1, 2]),
        ({"created_at__after": "2999-01-01"}, []),
        ({"created_at__before": "2000-01-01T00:00:00Z"}, []),
        ({"created_at__before": "2999-01-01T00:00:00"}, [0, 1, 2]),
        ({"detail": "true", "foo": "bar", "user": "x"}, [0, 1, 2]),
    ],
    ids=str,
)
async def test_query_selects_runs_newest_first(
    api: Api, runs: list[str], query: Json, wanted: list[int]
) -> None:
    assert [runs[index] for index in wanted] == await run_ids(api, **query)


async def test_run_is_found_by_its_id(api: Api, runs: list[str]) -> None:
    assert [runs[1]] == await run_ids(api, keyword=runs[1])


@pytest.mark.parametrize(
    ("query", "limit", "has_more"),
    [
        ({"limit": 1}, 1, True),
        ({"limit": 1, "page": 3}, 1, False),
        ({"limit": 3}, 3, False),
        ({"limit": 1000}, 100, False),
    ],
    ids=str,
)
async def test_page_tells_its_limit_and_whether_there_is_more(
    api: Api, runs: list[str], query: Json, limit: int, has_more: bool
) -> None:
    body = (await logs(api, **query)).json()
    assert (limit, has_more, len(runs)) == (body["limit"], body["has_more"], body["total"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "x"),
        ("limit", "1.5"),
        ("page", "0"),
        ("page", "-1"),
        ("page", "x"),
        ("page", "100000"),
        ("status", "bogus"),
        ("status", "running"),
        ("status", ""),
        ("created_at__after", "notadate"),
        ("created_at__after", "2024-13-01"),
        ("created_at__before", "yesterday"),
        ("created_at__before", ""),
        ("created_by_account", "x@y.z"),
    ],
)
async def test_wrong_parameter_is_named(api: Api, name: str, value: str) -> None:
    response = await logs(api, **{name: value})
    assert (400, "invalid_param") == error_of(response)
    assert name == response.json()["params"]


async def test_unknown_account_is_named(api: Api) -> None:
    response = await logs(api, created_by_account="x@y.z")
    assert "Account not found: x@y.z" == response.json()["message"]


async def test_refused_run_leaves_no_entry(api: Api, runs: list[str]) -> None:
    await api.run({})
    assert runs == await run_ids(api)


async def test_log_of_a_chat_app_is_empty(api: Api) -> None:
    assert {"total": 0, "data": []}.items() <= (await logs(api, app="chat")).json().items()


async def test_unnamed_user_is_anonymous(api: Api) -> None:
    await api.run({}, app="other", user="DEFAULT-USER")
    [entry] = (await logs(api, app="other")).json()["data"]
    assert entry["created_by_end_user"]["is_anonymous"]
