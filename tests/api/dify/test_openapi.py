"""The description of this API, for programs and for people; is the server ready?"""

import re

import pytest

from graphmill.api.dify.openapi import document
from graphmill.api.dify.operations import OPERATIONS
from graphmill.api.dify.routes import ENDPOINTS
from graphmill.errors import StoreUnreachable
from graphmill.service.services import Services
from graphmill.storage.end_users import EndUser, EndUserStore
from tests.api.dify.client import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_endpoint_is_described() -> None:
    assert {(method, path) for method, path, _ in ENDPOINTS} == OPERATIONS.keys()


async def test_names_of_operations_are_unique() -> None:
    names = [
        operation["operationId"]
        for methods in document()["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))


async def test_body_is_described_as_the_endpoint_reads_it() -> None:
    described = document()["paths"]["/v1/workflows/run"]["post"]["requestBody"]["content"]
    schema = described["application/json"]["schema"]
    assert {"inputs", "user", "response_mode", "files"} == schema["properties"].keys()
    assert ["inputs", "user"] == schema["required"]


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("post", "/v1/workflows/run", "Idempotency-Key"),
        ("post", "/v1/chat-messages", "Idempotency-Key"),
        ("get", "/v1/workflow/{run_id}/events", "Last-Event-ID"),
    ],
)
async def test_headers_that_say_more_are_described(method: str, path: str, name: str) -> None:
    parameters = document()["paths"][path][method]["parameters"]
    assert [name] == [each["name"] for each in parameters if each["in"] == "header"]


async def test_description_is_served_without_a_key(api: Api) -> None:
    answer = await api.http.get("/openapi.json")
    assert "application/json" == answer.headers["content-type"]
    assert document() == answer.json()


async def test_page_shows_every_path_and_loads_nothing(api: Api) -> None:
    answer = await api.http.get("/docs")
    assert all(f"/v1{path}" in answer.text for _, path in OPERATIONS)
    assert not re.search(r"<script|<link|<img|url\(|@import|https?://", answer.text)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_server_is_ready_while_its_database_answers(
    api: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 200 == (await api.http.get("/ready")).status_code

    async def unreachable(self: EndUserStore, app_id: str, end_user_id: str) -> EndUser | None:
        raise StoreUnreachable("database is locked at /var/secret")

    with monkeypatch.context() as patch:
        patch.setattr(EndUserStore, "get", unreachable)
        broken = await api.http.get("/ready")
    assert (503, {"status": "no database"}) == (broken.status_code, broken.json())
    monkeypatch.setattr(services.runs, "is_closing", True)
    ending = await api.http.get("/ready")
    assert (503, {"status": "ending"}) == (ending.status_code, ending.json())
