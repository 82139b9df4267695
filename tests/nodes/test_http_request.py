"""http-request: what it sends, and what it records of that (`nodes §10`)."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.nodes.base import NodePorts
from graphmill.nodes.registry import NODE_TYPES
from graphmill.variables.files import File
from tests.nodes.http_stand_ins import (
    FilesInMemory,
    api_key,
    config,
    echo_server,
    http_ports,
    run,
    sent,
    text_body,
)
from tests.nodes.running import validated

README = File("document", "local_file", "read me.txt", ".txt", "text/plain", 13, related_id="a")
PICTURE = File("image", "local_file", 'pic".png', ".png", "image/png", 70, related_id="b")
UNKNOWN = File("custom", "local_file", None, None, None, related_id="c")
CONTENTS = {"a": b"read me first", "b": b"\x89PNG" * 5, "c": b"?"}


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with echo_server() as url:
        yield url


@pytest.fixture
async def ports() -> AsyncIterator[NodePorts]:
    async with http_ports(FilesInMemory(CONTENTS)) as ports:
        yield ports


def lines_of(record: str) -> list[str]:
    """The record line by line, its boundary replaced."""
    return re.sub(r"WebKitFormBoundary\w{16}", "B", record).split("\r\n")


# --- address, parameters, headers ----------------------------------------------------------------


async def test_a_request_is_built_from_templates(echo: str, ports: NodePorts) -> None:
    data = config(
        echo + "/get/{{#start.q#}}?inurl=1",
        params="x:1\nx:2\nq:{{#start.q#}}\nempty:\n\nnocolon\n sp : v : w \np:{{#start.p#}}\n:no",
        headers="X-Custom: v-{{#start.q#}}\nX-Empty:\n\nX-Api-Key : spaced \n: none",
    )
    got, record = await sent(ports, data, {"q": "a b&c=d", "p": "line1\nline2"})
    assert "/get/a b&c=d" == got["path"]
    assert [
        ["inurl", "1"], ["x", "1"], ["x", "2"], ["q", "a b&c=d"], ["empty", ""], ["nocolon", ""],
        ["sp", "v : w"], ["p", "line1\nline2"],
    ] == got["query"]  # fmt: skip
    assert ("v-a b&c=d", "", "spaced") == (
        got["headers"]["x-custom"], got["headers"]["x-empty"], got["headers"]["x-api-key"],
    )  # fmt: skip
    query = "x=1&x=2&q=a+b%26c%3Dd&empty=&nocolon=&sp=v+%3A+w&p=line1%0Aline2"
    assert [
        f"GET /get/a b&c=d?{query} HTTP/1.1",
        f"Host: {echo.removeprefix('http://')}",
        "X-Custom: v-a b&c=d",
        "X-Empty: ",
        "X-Api-Key: spaced",
        "",
        "",
    ] == lines_of(record)


async def test_the_record_shows_the_query_of_the_url_when_there_are_no_parameters(
    echo: str, ports: NodePorts
) -> None:
    _, record = await sent(ports, config(f"{echo}?a=1#part"))
    assert "GET /?a=1 HTTP/1.1" == lines_of(record)[0]


async def test_a_value_with_lines_makes_more_headers_and_the_last_of_a_name_wins(
    echo: str, ports: NodePorts
) -> None:
    data = config(echo, headers="X-Custom: one\n{{#start.lines#}}")
    got, record = await sent(ports, data, {"lines": "x-custom: two\nCookie: a=b"})
    assert ("two", "a=b") == (got["headers"]["x-custom"], got["headers"]["cookie"])
    assert ["x-custom: two", "Cookie: a=b"] == lines_of(record)[2:4]


@pytest.mark.parametrize("method", ["get", "POST", "Put", "patch", "delete"])
async def test_every_method_is_sent(echo: str, ports: NodePorts, method: str) -> None:
    got, record = await sent(
        ports, config(f"{echo}/m", method=method, body=text_body("raw-text", "p"))
    )
    assert (method.upper(), "p") == (got["method"], got["body"])
    assert [
        f"{method.upper()} /m HTTP/1.1", f"Host: {echo[7:]}", "Content-Type: text/plain",
        "Content-Length: 1", "", "p",
    ] == lines_of(record)  # fmt: skip


async def test_head_has_no_body_in_its_answer(echo: str, ports: NodePorts) -> None:
    outcome = await run(ports, config(f"{echo}/pic.png", method="head"))
    assert isinstance(outcome, Succeeded)
    assert ("", [], 200) == (
        outcome.outputs["body"], outcome.outputs["files"], outcome.outputs["status_code"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("authorization", "header", "value"),
    [
        (api_key("basic", "user:pass"), "Authorization", "Basic dXNlcjpwYXNz"),
        (api_key("basic", "dXNlcjpwYXNz"), "Authorization", "Basic dXNlcjpwYXNz"),
        (api_key("bearer", "k-{{#start.q#}}"), "Authorization", "Bearer k-9"),
        (api_key("custom", "k-{{#start.q#}}"), "Authorization", "k-9"),
        (api_key("custom", "k-{{#start.q#}}", "X-Api-Key"), "X-Api-Key", "k-9"),
    ],
)
async def test_an_api_key_becomes_a_header_that_the_record_hides(
    echo: str, ports: NodePorts, authorization: dict[str, Any], header: str, value: str
) -> None:
    data = config(echo, headers=f"{header.lower()}: overridden", authorization=authorization)
    got, record = await sent(ports, data, {"q": "9"})
    assert value == got["headers"][header.lower()]
    assert [f"{header}: {'*' * len(value)}", "", ""] == lines_of(record)[2:]


async def test_no_auth_ignores_what_is_left_of_a_key(echo: str, ports: NodePorts) -> None:
    data = config(echo, authorization={"type": "no-auth", "config": {"type": "nonsense"}})
    got, _ = await sent(ports, data)
    assert "authorization" not in got["headers"]


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "sent_body", "content_type", "recorded"),
    [
        (text_body("none", "ignored"), "", "", ""),
        (None, "", "", ""),
        (text_body("raw-text", "é {{#start.q#}}"), "é a b+c&d=é", "text/plain", "é a b+c&d=é"),
        (text_body("raw-text", ""), "", "text/plain", ""),
        (
            {
                "type": "x-www-form-urlencoded",
                "data": [
                    {"key": "q", "value": "{{#start.q#}}"},
                    {"key": "p", "value": "x\ny"},
                    {"key": "none", "value": "{{#start.nil#}}"},
                    {"key": "{{#start.q#}}", "value": "dynamic key"},
                    {"key": "p", "value": "last"},
                ],
            },
            "q=a+b%2Bc%26d%3D%C3%A9&p=last&none=&a+b%2Bc%26d%3D%C3%A9=dynamic+key",
            "application/x-www-form-urlencoded",
            "q=a+b%2Bc%26d%3D%C3%A9&p=last&none=&a+b%2Bc%26d%3D%C3%A9=dynamic+key",
        ),
        ({"type": "raw-text", "data": "old {{#start.nil#}}x"}, "old x", "text/plain", "old x"),
        ({"type": "none", "data": ""}, "", "", ""),
        (
            {"type": "x-www-form-urlencoded", "data": "a:1\nb: {{#start.n#}}\n\nc"},
            "a=1&b=5&c=",
            "application/x-www-form-urlencoded",
            "a=1&b=5&c=",
        ),
    ],
    ids=[
        "none", "null", "raw", "empty raw", "urlencoded", "old raw", "old none", "old urlencoded",
    ],
)  # fmt: skip
async def test_a_text_body_is_sent_and_recorded(
    echo: str, ports: NodePorts, body: Any, sent_body: str, content_type: str, recorded: str
) -> None:
    start = {"q": "a b+c&d=é", "n": 5, "nil": None}
    got, record = await sent(ports, config(echo, method="post", body=body), start)
    assert (sent_body, content_type) == (got["body"], got["headers"]["content-type"])
    head, _, tail = record.partition("\r\n\r\n")
    assert recorded == tail
    assert (f"\r\nContent-Length: {len(recorded)}" in head) == bool(recorded)


@pytest.mark.parametrize(
    ("text", "value", "recorded"),
    [
        ('{"a":1,}', {"a": 1}, '{"a": 1}'),
        (
            '{"a": "{{#start.q#}}", "b": [1, 2,], c: \'x\'}',
            {"a": 'it\'s "quoted"\nand broken', "b": [1, 2], "c": "x"},
            '{"a": "it\'s \\"quoted\\"\\nand broken", "b": [1, 2], "c": "x"}',
        ),
        ('{"o": {{#start.o#}}, "n": {{#start.n#}}}', {"o": {"k": [1, {"z": None}]}, "n": 5},
         '{"o": {"k": [1, {"z": null}]}, "n": 5}'),
        ('[1, 2, {"a": "é"}]', [1, 2, {"a": "é"}], '[1, 2, {"a": "\\u00e9"}]'),
        ('{"a": "tab\there"}', {"a": "tab\there"}, '{"a": "tab\\there"}'),
        ("{}", {}, "{}"),
        ("12345678901234567890", 12345678901234567890, "12345678901234567890"),
    ],
    ids=["comma", "quotes", "objects", "array", "control characters", "empty", "long number"],
)  # fmt: skip
async def test_a_json_body_is_repaired(
    echo: str, ports: NodePorts, text: str, value: Any, recorded: str
) -> None:
    start = {"q": 'it\'s "quoted"\nand broken', "o": {"k": [1, {"z": None}]}, "n": 5}
    data = config(echo, method="post", body=text_body("json", text))
    got, record = await sent(ports, data, start)
    assert (value, "application/json") == (got["json"], got["headers"]["content-type"])
    assert [f"Content-Length: {len(recorded)}", "", recorded] == lines_of(record)[-3:]


async def test_a_content_type_of_the_author_is_kept(echo: str, ports: NodePorts) -> None:
    data = config(
        echo,
        method="post",
        headers="content-TYPE: application/xml",
        body=text_body("raw-text", "<a/>"),
    )
    got, record = await sent(ports, data)
    assert "application/xml" == got["headers"]["content-type"]
    assert ["content-TYPE: application/xml", "Content-Length: 4"] == lines_of(record)[2:4]


async def test_a_form_of_texts_has_no_placeholder(echo: str, ports: NodePorts) -> None:
    items = [{"key": "q", "value": "v{{#start.q#}}"}, {"key": "empty", "value": ""}]
    data = config(
        echo,
        method="post",
        headers="Content-Type: text/plain",
        body={"type": "form-data", "data": items},
    )
    got, record = await sent(ports, data, {"q": "é"})
    assert "multipart/form-data" == got["headers"]["content-type"]
    assert [{"name": "empty", "value": ""}, {"name": "q", "value": "vé"}] == got["parts"]
    assert [
        "Content-Type: multipart/form-data; boundary=----B",
        "Content-Length: 226",
        "",
        "------B",
        'Content-Disposition: form-data; name="q"',
        "",
        "vé",
        "------B",
        'Content-Disposition: form-data; name="empty"',
        "",
        "",
        "------B--",
        "",
    ] == lines_of(record)[2:]


async def test_a_form_sends_every_file_of_a_list(echo: str, ports: NodePorts) -> None:
    items = [
        {"key": "n", "type": "text", "value": "2"},
        {"key": "docs", "type": "file", "file": ["start", "fs"], "value": ""},
        {"key": "one", "type": "file", "file": ["start", "f"]},
        {"key": "text", "type": "file", "file": ["start", "n"]},
        {"key": "gone", "type": "file", "file": ["start", "gone"]},
        {"key": "unset", "type": "file", "file": []},
    ]
    data = config(echo, method="post", body={"type": "form-data", "data": items})
    start = {"fs": [README, PICTURE, "no file"], "f": UNKNOWN, "n": "text"}
    got, record = await sent(ports, data, start)
    described = [(p["name"], p.get("filename"), p.get("type"), p.get("size")) for p in got["parts"]]
    assert [
        ("docs", "pic%22.png", "image/png", 20),
        ("docs", "read me.txt", "text/plain", 13),
        ("n", None, None, None),
        ("one", "file", "application/octet-stream", 1),
    ] == described
    assert [
        "------B",
        'Content-Disposition: form-data; name="docs"',
        "",
        "<file_content_binary: 'read me.txt', type='text/plain', size=13 bytes>",
        "------B",
        'Content-Disposition: form-data; name="docs"',
        "",
        "<file_content_binary: 'pic\".png', type='image/png', size=20 bytes>",
        "------B",
        'Content-Disposition: form-data; name="one"',
        "",
        "<file_content_binary: 'unknown', type='application/octet-stream', size=1 bytes>",
        "------B--",
        "",
    ] == lines_of(record)[5:]


async def test_a_value_cannot_write_parts_of_a_form(echo: str, ports: NodePorts) -> None:
    """Every request has a boundary of its own, and names are quoted."""
    items = [{"key": "{{#start.k#}}", "value": "x"}]
    data = config(echo, method="post", body={"type": "form-data", "data": items})
    got, first = await sent(ports, data, {"k": 'a"\r\nX: y'})
    _, second = await sent(ports, data, {"k": "a"})
    assert [{"name": "a%22%0D%0AX: y", "value": "x"}] == got["parts"]
    boundaries = {re.findall(r"boundary=(\S+)", record)[0] for record in (first, second)}
    assert 2 == len(boundaries)


async def test_a_binary_body_is_the_file(echo: str, ports: NodePorts) -> None:
    item = {"key": "", "type": "file", "file": ["start", "f"], "value": ""}
    data = config(echo, method="post", body={"type": "binary", "data": [item]})
    got, record = await sent(ports, data, {"f": PICTURE})
    assert (20, "") == (got["body_size"], got["headers"]["content-type"])
    assert ["Content-Length: 31", "", "<binary_content: size=20 bytes>"] == lines_of(record)[2:]


# --- requests that cannot be built ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "error_type"),
    [
        ({"url": ""}, "url is required", "InvalidURLError"),
        ({"url": "{{#start.empty#}}"}, "url is required", "InvalidURLError"),
        ({"url": "ftp://x"}, "url should start with http:// or https://", "InvalidURLError"),
        ({"url": "127.0.0.1/x"}, "url should start with http:// or https://", "InvalidURLError"),
        ({"url": "http://[::1"}, "url is invalid: Invalid IPv6 URL", "InvalidURLError"),
        (
            {"authorization": api_key("bearer", " {{#start.empty#}} ")},
            "API key is required for authorization but was empty. Please provide a valid API key.",
            "AuthorizationConfigError",
        ),
        (
            {"body": text_body("raw-text", "a", "b")},
            "raw-text body type should have exactly one item", "RequestBodyError",
        ),
        ({"body": {"type": "json", "data": ""}},
         "json body type should have exactly one item", "RequestBodyError"),
        ({"body": text_body("json", "just {{#start.w#}}")},
         "Failed to parse JSON: just words", "RequestBodyError"),
        ({"body": text_body("json", "[" * 5000)},
         "Failed to parse JSON: " + "[" * 5000, "RequestBodyError"),
        ({"body": {"type": "binary", "data": []}},
         "binary body type should have exactly one item", "RequestBodyError"),
        (
            {"body": {"type": "binary", "data": [{"type": "file", "file": ["start", "w"]}]}},
            "cannot fetch file with selector ['start', 'w']", "FileFetchError",
        ),
        (
            {"body": {"type": "form-data", "data": [{"type": "file", "file": ["start", "lost"]}]}},
            "cannot fetch file 'lost.txt': no such file", "FileFetchError",
        ),
    ],
)  # fmt: skip
async def test_a_request_that_cannot_be_built_fails_without_a_record(
    ports: NodePorts, changes: dict[str, Any], error: str, error_type: str
) -> None:
    lost = File("document", "local_file", "lost.txt", related_id="lost")
    start = {"empty": "", "w": "words", "lost": lost}
    data = {**config("http://127.0.0.1:1/"), **changes}
    assert Failed(error, error_type) == await run(ports, data, values={"start": start})


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "trace"},
        {"method": None},
        {"url": None},
        {"authorization": {"type": "api-key", "config": None}},
        {"authorization": {"type": "api-key", "config": {"type": "digest"}}},
        {"body": {"type": "yaml"}},
        {"timeout": {"connect": "soon"}},
    ],
)
def test_a_configuration_that_cannot_be_run_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validated(NODE_TYPES["http-request"], {**config("http://h/"), **changes})


def test_a_hand_written_node_may_leave_out_what_is_empty() -> None:
    validated(NODE_TYPES["http-request"], {"method": "get", "url": "http://h/"})


async def test_options_is_declared_and_cannot_be_sent(echo: str, ports: NodePorts) -> None:
    outcome = await run(ports, config(f"{echo}/m", method="options"))
    record = {"request": f"OPTIONS /m HTTP/1.1\r\nHost: {echo[7:]}\r\n\r\n"}
    assert (
        Failed("Invalid http method options", "InvalidHttpMethodError", process_data=record)
        == outcome
    )


# --- secrets -------------------------------------------------------------------------------------


async def test_secrets_of_the_environment_are_sent_and_not_recorded(
    echo: str, ports: NodePorts
) -> None:
    data = config(
        echo + "/{{#env.token#}}",
        method="post",
        headers="X-Custom: {{#env.token#}}",
        params="k:{{#env.token#}}",
        body=text_body("json", '{"t": "{{#env.token#}}", "n": "{{#env.name#}}"}'),
    )
    secret = "s3cr3t /va&lue 123"
    values = {"env": {"token": secret, "name": "plain"}}
    outcome = await run(ports, data, values=values, secrets=["token"])
    assert isinstance(outcome, Succeeded)
    got = json.loads(str(outcome.outputs["body"]))
    assert (secret, secret) == (got["headers"]["x-custom"], got["json"]["t"])
    mask = "s3cr3t************23"
    record = lines_of(str(outcome.process_data["request"]))
    assert f"POST /{mask}?k={mask} HTTP/1.1" == record[0]
    assert f"X-Custom: {mask}" == record[2]
    assert f'{{"t": "{mask}", "n": "plain"}}' == record[-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://127.0.0.1:1/{{#env.token#}}"},
        {"url": "http://{{#env.token#}} x/"},
        {"body": text_body("json", "words {{#env.token#}}")},
        {"authorization": api_key("custom", "x", "{{#env.token#}} bad name")},
    ],
)
async def test_errors_do_not_tell_secrets(ports: NodePorts, changes: dict[str, Any]) -> None:
    data = {**config("http://127.0.0.1:1/"), **changes}
    values = {"env": {"token": "s3cr3t-value-123"}}
    outcome = await run(ports, data, values=values, secrets=["token"])
    assert isinstance(outcome, Failed)
    assert "s3cr3t-value-123" not in f"{outcome.error} {outcome.process_data}"


# --- for the checker -----------------------------------------------------------------------------


def test_an_http_node_says_what_it_reads_and_makes() -> None:
    kind = NODE_TYPES["http-request"]
    items = [
        {"key": "{{#a.k#}}", "value": "{{#a.v#}}"},
        {"key": "f", "type": "file", "file": ["start", "f"]},
    ]
    data = validated(
        kind,
        config(
            "http://h/{{#a.u#}}",
            params="{{#a.p1#}}:{{#a.p2#}}",
            headers="X: {{#a.h#}}",
            authorization=api_key("custom", "{{#env.key#}}"),
            body={"type": "form-data", "data": items},
        ),
    )
    assert {
        ("a", "u"), ("a", "p1"), ("a", "p2"), ("a", "h"), ("env", "key"), ("a", "k"), ("a", "v"),
        ("start", "f"),
    } == set(kind.reads(data))  # fmt: skip
    assert kind.output_names is not None
    assert {"status_code", "body", "headers", "files"} == kind.output_names(data)
    assert kind.retries
