"""Paths, methods, headers, keys: what comes before any endpoint (`service-api §29`, rows 1-15)."""

import httpx
import pytest

from tests.api.dify.client import Api, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHALLENGE = 'Bearer realm="api"'


async def with_key(api: Api, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return await api.http.get("/v1/info", headers=headers)


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
async def test_index_needs_no_key(api: Api, path: str) -> None:
    response = await api.http.get(path)
    body = response.json()
    assert (200, "Dify OpenAPI", "v1") == (
        response.status_code,
        body["welcome"],
        body["api_version"],
    )
    assert body["server_version"] == response.headers["x-version"]


async def test_health_needs_no_key(api: Api) -> None:
    response = await api.http.get("/health")
    assert (200, "ok") == (response.status_code, response.json()["status"])
    assert {"pid", "status", "version", "sandbox"} == response.json().keys()


async def test_health_says_what_stands_around_code(api: Api) -> None:
    sandbox = (await api.http.get("/health")).json()["sandbox"]
    assert ("not started", "cpython") == (sandbox["state"], sandbox["python"])


MISSING = "Authorization header must be provided and start with 'Bearer'"


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, MISSING),
        ("", MISSING),
        ("Bearer", MISSING),
        ("Bearer ", MISSING),
        ("app-main", MISSING),
        ("Basic abc", "Authorization scheme must be 'Bearer'"),
        ("Token app-main", "Authorization scheme must be 'Bearer'"),
        ("Bearer app-wrong", "Access token is invalid"),
        ("Bearer APP-MAIN", "Access token is invalid"),
        ("Bearer app-main app-main", "Access token is invalid"),
        ("Bearer dataset-main", "Access token is invalid"),
    ],
)
async def test_request_without_a_valid_key_is_unauthorized(
    api: Api, authorization: str | None, message: str
) -> None:
    response = await with_key(api, authorization)
    assert (401, "unauthorized") == error_of(response)
    assert {"code", "message", "status"} == response.json().keys()
    assert message == response.json()["message"]
    assert CHALLENGE == response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "authorization", ["Bearer app-main", "bearer app-main", "BEARER app-main", "Bearer  app-main"]
)
async def test_scheme_may_be_spelled_in_any_case(api: Api, authorization: str) -> None:
    assert 200 == (await with_key(api, authorization)).status_code


@pytest.mark.parametrize("name", ["api_key", "key", "access_token", "authorization"])
async def test_key_in_the_query_is_not_seen(api: Api, name: str) -> None:
    response = await api.http.get("/v1/info", params={name: "app-main"})
    assert (401, "unauthorized") == error_of(response)


async def test_key_is_checked_before_the_body(api: Api) -> None:
    response = await api.http.post(
        "/v1/workflows/run",
        content=b"{bad",
        headers={"Authorization": "Bearer app-wrong", "Content-Type": "application/json"},
    )
    assert (401, "unauthorized") == error_of(response)


async def test_app_whose_api_is_off_is_forbidden(api: Api) -> None:
    response = await api.get("/info", app="disabled")
    assert (403, "forbidden") == error_of(response)
    assert "The app's API service has been disabled." == response.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/does-not-exist",
        "/v1/info/",
        "/v1/infoo",
        "/v1/workflows",
        "/v1/workflows/run/a/b",
        "/v1//info",
        "/nothing/here",
        "/",
        "/v1/%2e%2e/health",
    ],
)
async def test_unknown_path_is_not_found_with_or_without_a_key(api: Api, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer app-main"}):
        assert (404, "not_found") == error_of(await api.http.get(path, headers=headers))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/workflows/run", {"POST", "OPTIONS"}),
        ("POST", "/v1/info", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/v1/files/upload", {"POST", "OPTIONS"}),
        ("PUT", "/health", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_wrong_method_is_told_the_right_ones(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    response = await api.http.request(method, path)
    assert (405, "method_not_allowed") == error_of(response)
    assert allowed == set(response.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/workflows/run", {"POST", "OPTIONS"}),
        ("/v1/info", {"GET", "HEAD", "OPTIONS"}),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {
            "Origin": "http://a.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    ],
    ids=["plain", "preflight"],
)
async def test_options_needs_no_key(
    api: Api, path: str, allowed: set[str], headers: dict[str, str]
) -> None:
    response = await api.http.options(path, headers=headers)
    assert (200, "") == (response.status_code, response.text)
    assert allowed == set(response.headers["allow"].split(", "))
    assert "*" == response.headers["access-control-allow-origin"]
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "authorization" in response.headers["access-control-allow-headers"].lower()


async def test_errors_carry_the_headers_of_every_response(api: Api) -> None:
    response = await api.http.get("/v1/info", headers={"Origin": "http://a.example"})
    assert 401 == response.status_code
    assert {"access-control-allow-origin", "x-version", "x-env"} <= response.headers.keys()


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/info", 200), ("/v1/parameters", 200), ("/v1/workflows/run", 405)]
)
async def test_head_is_answered_without_a_body(live_api: Api, path: str, status: int) -> None:
    headers = {"Authorization": "Bearer app-main"}
    response = await live_api.http.head(path, headers=headers)
    assert (status, b"") == (response.status_code, response.content)
    assert "application/json" == response.headers["content-type"]


async def test_get_may_have_a_body(api: Api) -> None:
    response = await api.http.request(
        "GET", "/v1/info", json={"user": "u"}, headers={"Authorization": "Bearer app-main"}
    )
    assert 200 == response.status_code
