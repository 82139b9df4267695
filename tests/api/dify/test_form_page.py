"""The page of a form, as a browser without scripts uses it."""

import logging
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
import pytest_asyncio

from graphmill.server import create_app
from graphmill.service.services import Services
from graphmill.wiring.server import build
from tests.api.dify.client import Json
from tests.forms import NOTE, approval
from tests.service.world import settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEAM = {
    "type": "select",
    "output_variable_name": "team",
    "option_source": {"type": "constant", "value": ["red & blue", "green"]},
}
PICTURE = {"type": "file", "output_variable_name": "picture", "allowed_file_types": ["image"]}
PICTURES = {**PICTURE, "type": "file-list", "output_variable_name": "pictures"}
CONTENT = """# Well, {{#start.topic#}}?

{{#$output.note#}}

| a | b |
|---|---|
| 1 | **2** |
"""
WORKFLOWS = {
    "hi": approval(form_content=CONTENT),
    "fields": approval(inputs=[NOTE, TEAM, PICTURE, PICTURES]),
    "mail": approval(delivery_methods=[{"type": "email", "enabled": True, "config": {}}]),
    "long": approval(form_content="# {{#start.topic#}}" + "x" * 20_000),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Services]:
    folder = tmp_path_factory.mktemp("pages")
    for name, text in WORKFLOWS.items():
        (folder / f"{name}.yml").write_text(text)
    apps = [{"workflow": f"{name}.yml", "api_keys": [f"app-{name}"]} for name in WORKFLOWS]
    sections = {"limits": {"body_mb": 1}, "logs": {"access": True}}
    async with build(settings(folder, *apps, **sections)) as services:
        yield services


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def http(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        yield http


async def paused(
    http: httpx.AsyncClient, services: Services, app: str = "hi", topic: str = "tea"
) -> tuple[str, str]:
    """Ids of a paused run, and the path of its page."""
    headers = {"Authorization": f"Bearer app-{app}"}
    body = {"inputs": {"topic": topic}, "user": "abc"}
    answer = (await http.post("/v1/workflows/run", json=body, headers=headers)).json()
    kept = await services.forms.find(f"{answer['workflow_run_id']}:h")
    assert kept is not None
    return answer["workflow_run_id"], f"/form/{kept.token}"


async def outputs(http: httpx.AsyncClient, run_id: str, app: str = "hi") -> Json:
    headers = {"Authorization": f"Bearer app-{app}"}
    detail = (await http.get(f"/v1/workflows/run/{run_id}?wait=10", headers=headers)).json()
    assert detail["status"] == "succeeded", detail
    return dict(detail["outputs"])


class Controls(HTMLParser):
    """What can be filled in or pressed on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        members = dict(attrs)
        if tag in ("textarea", "select", "input", "button", "option"):
            self.found.append((tag, members.get("name"), members.get("value")))

    def handle_data(self, data: str) -> None:
        self.text += data


def form(**fields: str) -> dict[str, tuple[None, str]]:
    """Texts as a browser sends them beside files."""
    return {name.replace("__", "."): (None, value) for name, value in fields.items()}


async def test_the_page_shows_the_form(http: httpx.AsyncClient, services: Services) -> None:
    _, path = await paused(http, services)
    answer = await http.get(path)

    assert (200, "text/html; charset=utf-8") == (
        answer.status_code,
        answer.headers["content-type"],
    )
    assert "<title>Ask h</title>" in answer.text
    assert "<h1>Well, tea?</h1>" in answer.text
    assert "<strong>2</strong>" in answer.text
    controls = Controls(answer.text)
    assert controls.found == [
        ("textarea", "field.note", None),
        ("button", "action", "ok"),
        ("button", "action", "no"),
    ]
    # Where the content names it, with its default.
    assert answer.text.index("<h1>") < answer.text.index(">\nnone</textarea>")
    assert answer.text.index("</textarea>") < answer.text.index("<table>")
    assert "$output" not in answer.text


async def test_the_page_runs_nothing_and_tells_nobody_its_address(
    http: httpx.AsyncClient, services: Services
) -> None:
    _, path = await paused(http, services, topic='<script>alert(1)</script> [x](javascript:y) "')
    answer = await http.get(path)

    assert "<script" not in answer.text
    assert 'href="javascript' not in answer.text
    assert "&lt;script&gt;" in answer.text
    policy = answer.headers["content-security-policy"]
    assert {"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"} <= set(
        policy.split("; ")
    )
    names = ("referrer-policy", "cache-control", "x-frame-options", "x-content-type-options")
    assert ["no-referrer", "no-store", "DENY", "nosniff"] == [
        answer.headers[name] for name in names
    ]


async def test_the_log_of_requests_does_not_hold_what_opens_a_form(
    http: httpx.AsyncClient, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _, path = await paused(http, services)
    token = path.removeprefix("/form/")
    headers = {"Authorization": "Bearer app-hi"}
    await http.get(path)
    await http.get(f"/v1/form/human_input/{token}", headers=headers)

    told = str([vars(record) for record in caplog.records if record.name.startswith("graphmill")])
    assert "/form/" in told
    assert token not in told


async def test_a_long_text_stays_as_it_is(http: httpx.AsyncClient, services: Services) -> None:
    _, path = await paused(http, services, "long", topic="<b>")

    assert "<pre># &lt;b&gt;xxx" in (await http.get(path)).text


async def test_a_filled_in_page_lets_the_run_go_on(
    http: httpx.AsyncClient, services: Services
) -> None:
    run_id, path = await paused(http, services)
    answer = await http.post(path, files=form(field__note="two\r\nlines", action="ok"))

    assert (200, True) == (answer.status_code, "Thank you" in answer.text)
    assert "two\nlines" == (await outputs(http, run_id))["said"]
    again = [await http.get(path), await http.post(path, files=form(action="ok"))]
    assert [412, 412] == [each.status_code for each in again]
    assert all("has been filled in" in each.text for each in again)


async def test_who_has_the_link_of_a_mail_needs_no_more(
    http: httpx.AsyncClient, services: Services
) -> None:
    run_id, path = await paused(http, services, "mail")
    assert 200 == (await http.get(path)).status_code
    await http.post(path, files=form(field__note="a", action="no"))

    assert {"refused": "no"} == await outputs(http, run_id, "mail")


async def test_files_are_handed_over_on_the_page(
    http: httpx.AsyncClient, services: Services
) -> None:
    run_id, path = await paused(http, services, "fields")
    shown = Controls((await http.get(path)).text)
    assert [("option", None, ""), ("option", None, None), ("option", None, None)] == [
        each for each in shown.found if each[0] == "option"
    ]
    assert "red & blue" in shown.text
    png = b"\x89PNG"
    sent = [
        ("field.note", (None, "n")),
        ("field.team", (None, "red & blue")),
        ("field.picture", ("a.png", png, "image/png")),
        ("field.pictures", ("b.png", png, "image/png")),
        ("field.pictures", ("c.png", png, "image/png")),
        ("action", (None, "ok")),
    ]
    answer = await http.post(path, files=sent)
    assert 200 == answer.status_code, answer.text
    assert "n" == (await outputs(http, run_id, "fields"))["said"]

    kept = await services.forms.find(f"{run_id}:h")
    assert kept is not None
    assert kept.answer is not None
    one, several = kept.answer.values["picture"], kept.answer.values["pictures"]
    assert ["a.png", "b.png", "c.png"] == [each.filename for each in (one, *several)]


@pytest.mark.parametrize(
    ("fields", "notice"),
    [
        ({"field__note": "keep <me>", "action": "ok"},
         "Missing required inputs: team, picture, pictures"),
        ({"field__note": "keep <me>", "field__team": "no", "action": "gone"},
         "Invalid action: gone"),
    ],
    ids=["missing", "action"],
)  # fmt: skip
async def test_what_is_wrong_is_said_beside_what_was_written(
    http: httpx.AsyncClient, services: Services, fields: dict[str, str], notice: str
) -> None:
    _, path = await paused(http, services, "fields")
    answer = await http.post(path, files=form(**fields))

    assert 400 == answer.status_code
    assert f'role="alert">{notice}</p>' in answer.text
    assert ">\nkeep &lt;me&gt;</textarea>" in answer.text


async def test_a_file_of_the_wrong_type_is_refused(
    http: httpx.AsyncClient, services: Services
) -> None:
    _, path = await paused(http, services, "fields")
    text = ("a.txt", b"text", "text/plain")
    sent = [
        ("field.note", (None, "n")),
        ("field.team", (None, "green")),
        ("field.picture", text),
        ("field.pictures", text),
        ("action", (None, "ok")),
    ]
    answer = await http.post(path, files=sent)

    assert 400 == answer.status_code
    assert "File validation failed for file: a.txt" in answer.text
    assert 200 == (await http.get(path)).status_code


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"field.note=a&action=ok", {"content-type": "application/x-www-form-urlencoded"}, 400),
        (b"", {}, 400),
        (b"nonsense", {"content-type": "multipart/form-data; boundary=x"}, 400),
        (b"x", {"content-length": str(2 << 20), "content-type": "multipart/form-data"}, 413),
    ],
    ids=["urlencoded", "nothing", "broken", "large"],
)
async def test_what_no_page_sends_is_refused(
    http: httpx.AsyncClient,
    services: Services,
    body: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    _, path = await paused(http, services)
    answer = await http.post(path, content=body, headers=headers)

    assert status == answer.status_code
    assert 'role="alert"' in answer.text
    assert 200 == (await http.get(path)).status_code


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_link_is_answered_with_a_page(
    http: httpx.AsyncClient, method: str
) -> None:
    answer = await http.request(method, "/form/unknown")

    assert 404 == answer.status_code
    assert "Is the link complete?" in answer.text
