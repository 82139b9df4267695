"""Requests made from the API's own description, right and wrong ones: whatever comes, a real server
answers in the form that it promises, and none of its answers is a fault of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from graphmill.api.dify.openapi import document
from tests.effort import chance
from tests.server_process import ServerProcess, running_server

APPS = Path(__file__).parent.parent / "conformance" / "apps"
MIB = 1024 * 1024
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DESCRIBED = schemathesis.openapi.from_dict(json.loads(json.dumps(document())))
OPERATIONS = [found.ok() for found in DESCRIBED.get_all_operations()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    apps = [
        {"workflow": str(APPS / f"{name}.yml"), "slug": slug, "api_keys": [f"app-{slug}"]}
        for slug, name in (("main", "api-main"), ("chat", "chat-echo"))
    ]
    with running_server({"apps": apps}, tmp_path_factory.mktemp("fuzzed")) as running:
        yield running
        # Nothing that was sent stays in memory.
        assert running.resident_bytes() < 200 * MIB


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_request_is_answered_as_described(
    server: ServerProcess, operation: APIOperation
) -> None:
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @given(cases, st.sampled_from(["main", "chat"]))
    @chance(12)
    def check(case: schemathesis.Case, app: str) -> None:
        case.headers["Authorization"] = f"Bearer app-{app}"
        request = case.as_transport_kwargs(base_url=server.url)
        answer = requests.request(**request, timeout=5)
        case.validate_response(answer, checks=CHECKS)

    check()
