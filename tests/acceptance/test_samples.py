"""The samples in `workflows/` run on a server process, as the comment on top of each says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.acceptance.samples import ROOT, Json, serving_samples
from tests.server_process import ServerProcess, events_of

DOCUMENTS = ROOT / "tests" / "documents" / "data"
SAMPLES = [path.stem for path in sorted((ROOT / "workflows").glob("*.yml"))]
TAKE_FILES = ("documents", "invoice")


def example(slug: str) -> tuple[str, Json]:
    """API key and body of the run that the sample's comment shows."""
    text = (ROOT / "workflows" / f"{slug}.yml").read_text()
    lines = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#")]
    return first_run_in("\n".join(lines))


def first_run_in(text: str) -> tuple[str, Json]:
    """API key and body of the first curl command with a JSON body."""
    key = re.search(r"Bearer (\S+)'", text)
    body = re.search(r"-d '(.*?)'", text, re.DOTALL)
    assert key is not None
    assert body is not None
    return key[1], json.loads(body[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving_samples(tmp_path_factory.mktemp("samples")) as running:
        yield running


def run(server: ServerProcess, slug: str, **changes: Json) -> list[Json]:
    """The events of the example run, with some members of its body changed."""
    key, body = example(slug)
    body |= {"response_mode": "streaming", **changes}
    with (
        server.client(key) as client,
        client.stream("POST", "/v1/workflows/run", json=body) as stream,
    ):
        assert stream.status_code == 200
        return list(events_of(stream))


def finish(events: list[Json]) -> Json:
    assert events[-1]["event"] == "workflow_finished"
    return dict(events[-1]["data"])


def test_config_serves_every_sample() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    served = {
        Path(app["workflow"]).stem: app["api_keys"]
        for app in config["apps"]
        # Those of Nextcloud have no key of their own.
        if Path(app["workflow"]).parent.name == "workflows"
    }
    assert {slug: [example(slug)[0]] for slug in SAMPLES} == served


def test_first_run_of_the_readme_answers_as_it_says(server: ServerProcess) -> None:
    text = (ROOT / "README.md").read_text()
    key, body = first_run_in(text)
    shown = re.search(r"```json\n(.*?)\n```", text, re.DOTALL)
    assert shown is not None
    with server.client(key) as client:
        answer = client.post("/v1/workflows/run", json=body).json()
    expected = json.loads(shown[1])
    assert expected.keys() == answer.keys()
    assert expected["data"].keys() == answer["data"].keys()
    assert expected["data"]["outputs"] == answer["data"]["outputs"]


@pytest.mark.parametrize("slug", [slug for slug in SAMPLES if slug not in TAKE_FILES])
def test_start_up_suggests_the_request_of_the_comment(server: ServerProcess, slug: str) -> None:
    key, body = example(slug)
    printed = (server.data_dir.parent / "server.log").read_text()
    [line] = [line for line in printed.splitlines() if f"'Authorization: Bearer {key}'" in line]
    _, suggested = first_run_in(line)
    assert suggested["inputs"].items() <= body["inputs"].items()


@pytest.mark.parametrize(
    ("language", "greeting"),
    [
        ("Deutsch", "Guten Tag, Ada!"),
        ("日本語", "こんにちは、Adaさん!"),
        ("English", "Hello, Ada!"),
    ],
)
def test_greeting_takes_the_branch_of_the_language(
    server: ServerProcess, language: str, greeting: str
) -> None:
    end = finish(run(server, "greeting", inputs={"name": "Ada", "language": language}))
    assert "succeeded" == end["status"]
    assert {"greeting": greeting, "language": language} == end["outputs"]


def test_merge_fetches_all_pages_before_it_waits_for_one(server: ServerProcess) -> None:
    events = run(server, "merge")
    fetches = [
        event["event"]
        for event in events
        if event.get("data", {}).get("node_type") == "http-request"
    ]
    assert ["node_started"] * 3 + ["node_finished"] * 3 == fetches


def test_merge_reports_every_page_whatever_its_status(server: ServerProcess) -> None:
    end = finish(run(server, "merge"))
    report = end["outputs"]["report"]
    assert ("succeeded", 200) == (end["status"], end["outputs"]["health_status"])
    assert 'health 200: {"' in report
    assert "index 200: {" in report
    assert "without a key 401: {" in report


def test_savings_pays_in_until_the_goal_is_reached(server: ServerProcess) -> None:
    events = run(server, "savings")
    assert 4 == sum(event["event"] == "iteration_next" for event in events)
    outputs = finish(events)["outputs"]
    assert 4 == outputs["years"]
    assert ["Year 1: 1050.0", "Year 4: 4525.63"] == [outputs["plan"][0], outputs["plan"][-1]]


def test_fallback_hands_on_the_page_when_there_is_one(server: ServerProcess) -> None:
    end = finish(run(server, "fallback", inputs={}))
    assert ("succeeded", 200) == (end["status"], end["outputs"]["status"])


def test_fallback_apologises_after_two_retries(server: ServerProcess) -> None:
    events = run(server, "fallback")
    end = finish(events)
    assert 2 == sum(event["event"] == "node_retry" for event in events)
    assert "partial-succeeded" == end["status"]
    assert {
        "apology": "Nothing to be had at /no-such-page: "
        "Request failed with status code 404 (HTTPResponseCodeError)"
    } == end["outputs"]


def test_documents_describes_the_documents_and_hands_back_the_largest(
    server: ServerProcess,
) -> None:
    key, body = example("documents")
    texts = {"short.txt": b"short", "long.md": b"a long text"}
    uploads = [upload(server, key, name, content) for name, content in texts.items()]
    [mapping] = body["inputs"]["files"]
    files = [mapping | {"upload_file_id": upload_id} for upload_id in uploads]

    outputs = finish(run(server, "documents", inputs={"files": files}))["outputs"]

    assert (
        "1. long.md (text/plain, 11 bytes)\n2. short.txt (text/plain, 5 bytes)\n"
        == outputs["listing"]
    )
    assert "long.md" == outputs["largest_name"]
    assert b"a long text" == httpx.get(outputs["largest"]["url"]).content
    assert "a long text" == outputs["largest_text"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("letter.docx", "Grüße aus Köln — “quoted”, 東京"),
        ("letter.doc", "Grüße aus Köln — “quoted”, 東京"),
        ("letter.epub", "Grüße aus Köln — “quoted”, 東京"),
        ("page.pdf", "Grüße aus Köln"),
        ("sheet.xlsx", "| Pen blue | 2 | 1.5 | 2024-01-02 00:00:00 |"),
    ],
)
def test_documents_reads_what_was_uploaded(server: ServerProcess, name: str, text: str) -> None:
    end = finish(run_document(server, name, (DOCUMENTS / name).read_bytes()))
    assert "succeeded" == end["status"]
    assert text in end["outputs"]["largest_text"].splitlines()


def test_documents_says_what_is_wrong_with_a_document(server: ServerProcess) -> None:
    end = finish(run_document(server, "a.docx", b"no archive"))
    assert ("failed", {}) == (end["status"], end["outputs"])
    assert "Failed to extract text from DOCX: File is not a zip file" == end["error"]


def run_document(server: ServerProcess, name: str, content: bytes) -> list[Json]:
    key, body = example("documents")
    [mapping] = body["inputs"]["files"]
    upload_id = upload(server, key, name, content, "application/octet-stream")
    return run(server, "documents", inputs={"files": [{**mapping, "upload_file_id": upload_id}]})


def test_documents_says_so_when_there_is_none(server: ServerProcess) -> None:
    key, body = example("documents")
    picture = {**body["inputs"]["files"][0], "type": "image"}
    picture["upload_file_id"] = upload(server, key, "dot.png", b"not really", "image/png")
    end = finish(run(server, "documents", inputs={"files": [picture]}))
    assert {"listing": "None of the files is a document."} == end["outputs"]


@pytest.mark.parametrize(
    ("slug", "inputs", "output"),
    [
        ("summary", {"text": "<<PROMPT>><<DELAY:0.01>>a long text", "sentences": 2}, "summary"),
        (
            "translation",
            {"text": "<<PROMPT>><<DELAY:0.01>>a long text", "language": "Deutsch"},
            "translation",
        ),
    ],
)
def test_a_model_is_given_the_text_and_its_words_are_streamed(
    server: ServerProcess, slug: str, inputs: Json, output: str
) -> None:
    events = run(server, slug, inputs=inputs)
    chunks = [event["data"]["text"] for event in events if event["event"] == "text_chunk"]
    prompt = finish(events)["outputs"][output]
    assert ("".join(chunks), True) == (prompt, len(chunks) > 5)
    assert "<<PROMPT>><<DELAY:0.01>>a long text" in prompt
    assert str(list(inputs.values())[1]) in prompt


@pytest.mark.parametrize(
    ("kind", "replies"), [("complaint", True), ("question", True), ("other", False)]
)
def test_triage_replies_to_what_needs_a_reply(
    server: ServerProcess, kind: str, replies: bool
) -> None:
    said = json.dumps({"category_id": kind, "category_name": "any"})
    end = finish(run(server, "triage", inputs={"mail": f"<<REPLY:{said}>>"}))
    reply = {"reply": said} if replies else {}
    assert {"kind": kind, **reply} == {
        name: value for name, value in end["outputs"].items() if value is not None
    }


def test_invoice_reads_the_fields_of_an_uploaded_document(server: ServerProcess) -> None:
    key, body = example("invoice")
    fields = {"seller": "Kettles & Co", "number": "17", "total": 12.5}
    content = f"Invoice <<REPLY:```json\n{json.dumps(fields)}\n```>>".encode()
    upload_id = upload(server, key, "invoice.txt", content)
    invoice = {**body["inputs"]["invoice"], "upload_file_id": upload_id}
    end = finish(run(server, "invoice", inputs={"invoice": invoice}))
    assert {"fields": fields, "total": 12.5} == end["outputs"]


def test_dates_asks_the_calendar_before_it_answers(server: ServerProcess) -> None:
    day = json.dumps({"year": 2024, "month": 2, "day": 29})
    events = run(server, "dates", inputs={"question": f"Which day? <<CALL:{day}>>"})
    steps = [event["data"] for event in events if event["event"] == "agent_log"]
    [seen, *_] = [
        step["data"]["output"]
        for step in steps
        if (step["label"], step["status"]) == ("CALL weekday", "success")
    ]
    assert "February 29, 2024 is Thursday." == seen
    assert finish(events)["outputs"]["answer"].startswith("You said: Which day?")


def test_approval_waits_for_the_answer_of_a_person(server: ServerProcess) -> None:
    key, body = example("approval")
    comment = (ROOT / "workflows" / "approval.yml").read_text().replace("\n#", "\n")
    answer = json.loads(re.findall(r"-d '(.*?)'", comment, re.DOTALL)[1])
    with server.client(key) as client:
        paused = client.post("/v1/workflows/run", json=body).json()
        [form] = paused["data"]["reasons"]
        page = client.get(f"/form/{form['form_token']}")
        assert "<h2>A kettle for the kitchen</h2>" in page.text
        client.post(f"/v1/form/human_input/{form['form_token']}", json=answer)
        run_id = paused["workflow_run_id"]
        detail = client.get(f"/v1/workflows/run/{run_id}?wait=10").json()
    decision = "Ordered: A kettle for the kitchen, paid by kitchen."
    assert {"decision": decision, "reason": "The old one leaks"} == detail["outputs"]


def test_icon_of_a_built_in_tool_is_a_picture(server: ServerProcess) -> None:
    path = "/console/api/workspaces/current/tool-provider/builtin/time/icon"
    with server.client("app-dates") as client:
        answer = client.get(path)
    assert (200, "image/svg+xml") == (answer.status_code, answer.headers["content-type"])


def upload(
    server: ServerProcess, key: str, name: str, content: bytes, mime_type: str = "text/plain"
) -> str:
    with server.client(key) as client:
        answer = client.post(
            "/v1/files/upload", data={"user": "me"}, files={"file": (name, content, mime_type)}
        )
    assert answer.status_code == 201
    return str(answer.json()["id"])


def test_conversation_remembers_what_was_said(server: ServerProcess) -> None:
    """The kit's model repeats its prompt when it is asked to."""
    key, body = example("conversation")
    body["response_mode"] = "blocking"
    with server.client(key) as client:
        first = client.post("/v1/chat-messages", json=body).json()
        body |= {"query": "<<PROMPT>>", "conversation_id": first["conversation_id"]}
        second = client.post("/v1/chat-messages", json=body).json()
    question = "What is the capital of France?"
    assert first["answer"].startswith(f"1. You said: {question}")
    assert second["answer"].startswith("2. system: You answer in one or two short sentences.")
    assert f"user: {question}\nassistant: {first['answer']}" in second["answer"]
