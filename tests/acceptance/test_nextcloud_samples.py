"""The samples in `workflows/nextcloud/` as Nextcloud's clients use them, on a server process."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.samples import Json, serving_samples
from tests.conformance import fakes
from tests.speech.listening import heard, sound_of

SECONDS = 20.0
TASKS, IMAGES = "/taskprocessing", "/text2image"


def services(url: str) -> Json:
    """Who writes recordings down, and who draws."""
    model = {"provider": "openai", "name": "painter"}
    return {
        "speech": {"speech_to_text": {"base_url": url}},
        "tools": [{"provider": "dalle", "kind": "images", "model": model}],
    }


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        serving_samples(tmp_path_factory.mktemp("nextcloud"), services) as server,
        httpx.Client(
            base_url=f"{server.url}/ocs/v2.php",
            params={"format": "json"},
            headers={"OCS-APIRequest": "true"},
            auth=("demo", "demo"),
        ) as client,
    ):
        yield client


def data_of(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["ocs"]["data"])


def done(http: httpx.Client, task_type: str, **given: Any) -> Json:
    """The output of a task."""
    order = {"type": task_type, "appId": "test", "input": given}
    task = data_of(http.post(f"{TASKS}/schedule", json=order))["task"]
    deadline = time.monotonic() + SECONDS
    while task["endedAt"] is None and time.monotonic() < deadline:
        time.sleep(0.02)
        task = data_of(http.get(f"{TASKS}/task/{task['id']}"))["task"]
    assert task["status"] == "STATUS_SUCCESSFUL", task
    return dict(task["output"] | {"id": task["id"]})


def result(http: httpx.Client, task_id: int, file_id: int) -> httpx.Response:
    answer = http.get(f"{TASKS}/tasks/{task_id}/file/{file_id}")
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize(
    ("task_type", "given"),
    [
        pytest.param("core:text2text", {"input": "hello"}, id="prompt"),
        pytest.param("core:text2text:summary", {"input": "hello"}, id="summarize"),
        pytest.param("core:text2text:headline", {"input": "hello"}, id="headline"),
        pytest.param("core:text2text:topics", {"input": "hello"}, id="topics"),
        pytest.param("core:text2text:reformulation", {"input": "hello"}, id="reformulate"),
        pytest.param(
            "core:text2text:translate",
            {"input": "hello", "origin_language": "en", "target_language": "de"},
            id="translate",
        ),
        pytest.param(
            "core:text2text:chat",
            {"system_prompt": "Be kind.", "input": "hello", "history": []},
            id="chat",
        ),
    ],
)
def test_a_model_answers(http: httpx.Client, task_type: str, given: Json) -> None:
    """The kit's model repeats what it was asked."""
    assert "hello" in done(http, task_type, **given)["output"]


def test_a_text_is_spoken(http: httpx.Client) -> None:
    output = done(http, "core:text2speech", input="The weather is good today.")
    spoken = result(http, output["id"], output["speech"])
    assert "audio/mpeg" == spoken.headers["content-type"]
    assert {"weather", "today"} & heard(spoken.content)


def test_the_voice_is_an_optional_slot(http: httpx.Client) -> None:
    durations = set()
    for voice in ("en", "de"):
        output = done(http, "core:text2speech", input="1999 1999 1999", voice=voice)
        durations.add(sound_of(result(http, output["id"], output["speech"]).content).duration)
    assert 2 == len(durations)


def test_what_was_spoken_is_written_down(http: httpx.Client) -> None:
    """The output of one task is the input of the next. The kit's listener hears the same always."""
    speech = done(http, "core:text2speech", input="Hello from audio.")["speech"]
    assert fakes.TRANSCRIPT == done(http, "core:audio2text", input=speech)["output"]


@pytest.mark.parametrize("name", ["memo.mp3", "memo.ogg", "memo.webm", "memo.m4a", "memo.wav"])
def test_a_recording_that_was_uploaded_is_written_down(http: httpx.Client, name: str) -> None:
    file = data_of(
        http.post(
            "/apps/assistant/api/v1/input-file",
            files={"data": (name, fakes.MP3)},
            data={"filename": name},
        )
    )["fileId"]
    assert fakes.TRANSCRIPT == done(http, "core:audio2text", input=file)["output"]


def test_images_are_drawn(http: httpx.Client) -> None:
    output = done(http, "core:text2image", input="a cat", numberOfImages=2)
    assert 2 == len(set(output["images"]))
    for image in output["images"]:
        shown = result(http, output["id"], image)
        assert ("image/png", fakes.PNG) == (shown.headers["content-type"], shown.content)


def test_images_are_shown_by_their_index(http: httpx.Client) -> None:
    """The older API: eight images when the caller does not say how many."""
    task = data_of(http.post(f"{IMAGES}/schedule", json={"input": "a cat", "appId": "test"}))[
        "task"
    ]
    deadline = time.monotonic() + SECONDS
    while task["status"] != 3 and time.monotonic() < deadline:
        time.sleep(0.02)
        task = data_of(http.get(f"{IMAGES}/task/{task['id']}"))["task"]
    statuses = []
    for index in range(9):
        shown = http.get(f"{IMAGES}/task/{task['id']}/image/{index}")
        statuses.append(shown.status_code)
    assert [200] * 8 + [404] == statuses
