"""API tools: what goes over the wire, and what comes of the answers."""

import asyncio
import json

import pytest

from graphmill.errors import ConfigInvalid, ToolFailed, ToolNotFound
from graphmill.ports.tools import BlobMessage, JsonMessage, ParameterType, TextMessage
from tests.outbound.local_server import local_server, reply
from tests.tools.opened import call, find, opened

DOCUMENT = """
openapi: 3.1.0
servers: [{url: "SERVER/api"}]
components:
  parameters:
    Lang: {name: lang, in: query, schema: {type: string, enum: [en, de], default: en}}
  schemas:
    City:
      type: object
      properties: {name: {type: string}, near: {$ref: "#/components/schemas/City"}}
    Visit:
      type: object
      required: [city]
      properties:
        city: {$ref: "#/components/schemas/City"}
        days: {type: [integer, "null"], description: How long}
paths:
  /weather/{city}:
    parameters: [{$ref: "#/components/parameters/Lang"}]
    get:
      operationId: weather
      summary: The weather in a city.
      parameters:
        - {name: city, in: path, required: true, schema: {type: string}}
        - {name: tag, in: query, schema: {type: array}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: sid, in: cookie, schema: {type: string}}
  /visits:
    post:
      operationId: visit
      requestBody:
        content: {application/json: {schema: {$ref: "#/components/schemas/Visit"}}}
    put:
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {properties: {a: {type: string}, sure: {type: boolean}}}
  /notes:
    post:
      operationId: note
      requestBody: {required: true, content: {text/plain: {schema: {type: string}}}}
"""


def entry(tmp_path, url, **more):
    (tmp_path / "api.yml").write_text(DOCUMENT.replace("SERVER", url))
    return {"provider": "*eather*", "kind": "openapi", "document": "api.yml", **more}


def api(tmp_path, url, **more):
    settings = more.pop("settings", {})
    return opened(entry(tmp_path, url, **more), folder=tmp_path, **settings)


async def test_parameters_go_where_the_document_wants_them(tmp_path):
    arguments = {"city": "ü/x", "tag": ["a", "b c"], "X-Trace": "t1", "sid": "s1", "other": 1}
    headers = {"Authorization": "Bearer k-1"}
    async with (
        local_server(reply(body=b"{}")) as server,
        api(tmp_path, server.url, headers=headers) as tools,
    ):
        await call(tools, "weather", arguments, "weather")
    [sent] = server.received
    assert ("GET", "/api/weather/%C3%BC%2Fx?tag=a&tag=b+c&lang=en") == (sent.method, sent.target)
    assert ("Bearer k-1", "t1", "sid=s1") == tuple(
        sent.headers[name] for name in ("authorization", "x-trace", "cookie")
    )


@pytest.mark.parametrize(
    ("name", "arguments", "content_type", "body"),
    [
        pytest.param(
            "visit", {"city": '{"name": "Ulm"}', "days": "3"}, "application/json",
            b'{"city":{"name":"Ulm"},"days":3}', id="json",
        ),
        pytest.param(
            "visits_put", {"a": "ü", "sure": "yes"}, "application/x-www-form-urlencoded",
            b"a=%C3%BC&sure=true", id="form",
        ),
        pytest.param("note", {"body": "Hi\n"}, "text/plain", b"Hi\n", id="text"),
    ],
)  # fmt: skip
async def test_body_has_the_form_that_the_document_names(
    tmp_path, name, arguments, content_type, body
):
    async with local_server(reply(body=b"{}")) as server, api(tmp_path, server.url) as tools:
        await call(tools, name, arguments, "weather")
    [received] = server.received
    assert (content_type, body) == (received.headers["content-type"], received.body)


async def test_a_tool_says_what_it_is_and_wants(tmp_path):
    async with api(tmp_path, "http://127.0.0.1:9") as tools:
        weather, visit = [await find(tools, name, "weather") for name in ("weather", "visit")]
    assert "The weather in a city." == weather.description
    assert [
        ("city", True),
        ("tag", False),
        ("X-Trace", False),
        ("sid", False),
        ("lang", False),
    ] == [(each.name, each.required) for each in weather.parameters]
    assert ("en", "de") == weather.parameters[-1].options
    city, days = visit.parameters
    assert (ParameterType.OBJECT, ParameterType.INTEGER) == (city.type, days.type)
    assert "How long" == days.description


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        pytest.param(
            "application/json", b'{"a": "\xc3\xbc"}',
            (JsonMessage({"a": "ü"}), TextMessage('{"a": "ü"}')), id="object",
        ),
        pytest.param("application/json", b"[1, 2]", (TextMessage("[1, 2]"),), id="list"),
        pytest.param("application/json", b'{"a": ', (TextMessage('{"a": '),), id="broken JSON"),
        pytest.param("text/plain; charset=latin-1", b"\xfc", (TextMessage("ü"),), id="charset"),
        pytest.param(
            "text/plain; charset=none", b"x\xfc", (TextMessage("x\ufffd"),), id="no charset"
        ),
        pytest.param(
            "image/png", b"\x89PNG", (BlobMessage(b"\x89PNG", "image/png"),), id="picture"
        ),
        pytest.param(
            "text/plain", b"", (TextMessage("Empty response from the tool."),), id="nothing"
        ),
    ],
)  # fmt: skip
async def test_an_answer_becomes_messages(tmp_path, content_type, body, expected):
    answer = reply(body=body, headers=[("Content-Type", content_type)])
    async with local_server(answer) as server, api(tmp_path, server.url) as tools:
        assert expected == await call(tools, "weather", {"city": "x"}, "weather")


async def failure(tmp_path, url, **settings):
    async with api(tmp_path, url, settings=settings) as tools:
        with pytest.raises(ToolFailed) as caught:
            await call(tools, "weather", {"city": "x"}, "weather")
    return str(caught.value)


async def test_an_error_status_fails_with_what_the_api_says(tmp_path):
    async with local_server(reply(418, b"I am a teapot")) as server:
        told = await failure(tmp_path, server.url)
    assert "Request failed with status code 418 and I am a teapot" == told


async def test_an_answer_beyond_the_limit_fails(tmp_path):
    async with local_server(reply(body=b"x" * 2000)) as server:
        limits = {"http_request": {"max_response_bytes": {"text": 1000}}}
        assert "The answer is larger than 1000 bytes" == await failure(
            tmp_path, server.url, **limits
        )


async def silence(received, reader, writer):
    await reader.read()


async def test_an_api_that_is_silent_fails_in_time(tmp_path):
    async with local_server(silence) as server:
        limits = {"http_request": {"timeout_seconds": {"read": 0.1}}}
        assert await failure(tmp_path, server.url, **limits)


async def test_cancelling_a_call_closes_its_connection(tmp_path):
    async with local_server(silence) as server, api(tmp_path, server.url) as tools:
        calling = asyncio.ensure_future(call(tools, "weather", {"city": "x"}, "weather"))
        await server.asked.wait()
        calling.cancel()
        async with asyncio.timeout(1):
            await server.left.wait()


async def test_an_api_may_not_lead_to_a_private_address_of_another(tmp_path):
    async with local_server(reply(body=b"secret")) as other:
        moved = reply(302, headers=[("Location", other.url)])
        async with local_server(moved) as server:
            assert "loopback" in await failure(tmp_path, server.url)
        assert [] == other.received


async def test_an_unknown_operation_is_told_with_its_neighbour(tmp_path):
    async with api(tmp_path, "http://127.0.0.1:9") as tools:
        with pytest.raises(ToolNotFound, match="Did you mean 'weather'"):
            await find(tools, "wether", "weather")


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        pytest.param("[1]", "it is no OpenAPI document: it has no `paths`", id="a list"),
        pytest.param("{", "Invalid YAML format", id="no YAML"),
        pytest.param("paths: {}", "it has no operations", id="empty"),
        pytest.param(
            json.dumps({"paths": {"/a": {"$ref": "http://elsewhere/x"}}}),
            "the reference 'http://elsewhere/x' leads out of the document", id="outside",
        ),
        pytest.param(
            json.dumps({"paths": {"/a": {"$ref": "#/paths/~1a"}}}),
            "its references lead in a circle", id="circle",
        ),
        pytest.param("paths: {/a: {get: {}}}", "names no server", id="no server"),
    ],
)  # fmt: skip
async def test_a_document_that_describes_no_api_is_refused(tmp_path, document, complaint):
    (tmp_path / "bad.yml").write_text(document)
    with pytest.raises(ConfigInvalid) as caught:
        async with opened(
            {"provider": "x", "kind": "openapi", "document": "bad.yml"}, folder=tmp_path
        ):
            pass
    assert complaint in str(caught.value)
