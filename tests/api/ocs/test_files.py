"""Files (`nextcloud-ocs §21.9`)."""

from typing import Any

import pytest

from graphmill.service.tasks.files import owner_named
from tests.api.ocs.client import BOB, NOBODY, TP, Ocs, W

pytestmark = pytest.mark.asyncio(loop_scope="module")

INPUT_FILE = "/apps/assistant/api/v1/input-file"
SOUND = b"RIFF....WAVEfmt sound of alice"


async def heard(ocs: Ocs) -> tuple[int, int]:
    """A task about a file of alice, and the file."""
    file_id = await ocs.upload(SOUND)
    return await ocs.sched("core:audio2text", {"input": file_id}), file_id


async def drawn(ocs: Ocs) -> tuple[int, list[int]]:
    task_id = await ocs.sched("core:text2image", {"input": "cat", "numberOfImages": 2})
    return task_id, (await ocs.wait(task_id))["output"]["images"]


async def test_f01_upload(ocs: Ocs) -> None:
    answer = await ocs.call(
        "POST", INPUT_FILE, files={"data": ("b.wav", SOUND)}, data={"filename": "a.wav"}
    )
    assert (200, "/a.wav") == (answer.status, answer.data["filePath"])
    assert isinstance(answer.data["fileId"], int)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"files": {"other": (None, "x")}}, id="F02"),
        pytest.param({"data": {"data": "x"}}, id="no multipart"),
    ],
)
async def test_upload_of_nothing_is_refused_with_a_bare_text(ocs: Ocs, body: Any) -> None:
    answer = await ocs.call("POST", INPUT_FILE, **body)
    assert (400, "No file was uploaded") == (answer.status, answer.data)
    assert answer.data == answer.meta["message"]


async def test_f03_f04_f05_f06_file_of_a_task(ocs: Ocs) -> None:
    task_id, file_id = await heard(ocs)
    answer = await ocs.get(f"{TP}/tasks/{task_id}/file/{file_id}")
    assert (200, SOUND) == (answer.status, answer.response.content)
    headers = answer.response.headers
    disposition = "attachment; filename=\"a.wav\"; filename*=UTF-8''a.wav"
    assert disposition == headers["content-disposition"]
    assert headers["content-type"].startswith("audio/")
    assert "nosniff" == headers["x-content-type-options"]
    alias = f"{TP}/task/{task_id}/file/{file_id}"
    assert SOUND == (await ocs.get(alias)).response.content
    assert SOUND == (await ocs.get(alias, is_marked=False)).response.content
    in_json = await ocs.get(alias, headers={"Accept": "application/json"})
    assert SOUND == in_json.response.content


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=4-7", 206, SOUND[4:8]),
        ("bytes=16-", 206, SOUND[16:]),
        ("bytes=-5", 206, SOUND[-5:]),
        ("bytes=4-9999", 206, SOUND[4:]),
        ("bytes=0-9999", 200, SOUND),
        ("bytes=-9999", 200, SOUND),
        ("bytes=-0", 200, SOUND),
        ("bytes=-", 200, SOUND),
        ("bytes=9999-", 200, SOUND),
        ("bytes=7-4", 200, SOUND),
        ("lines=1-2", 200, SOUND),
    ],
)
async def test_part_of_a_file(ocs: Ocs, wanted: str, status: int, content: bytes) -> None:
    task_id, file_id = await heard(ocs)
    path = f"{TP}/tasks/{task_id}/file/{file_id}"
    answer = await ocs.get(path, headers={"Range": wanted})
    assert (status, content) == (answer.status, answer.response.content)


async def test_name_of_a_file_is_for_old_readers_and_new_ones(ocs: Ocs) -> None:
    upload = await ocs.call(
        "POST", INPUT_FILE, files={"data": ("b.wav", SOUND)}, data={"filename": 'Hör "zu".wav'}
    )
    shown = await ocs.get(f"/apps/assistant/api/v1/file/{upload.data['fileId']}/display")
    assert (
        "attachment; filename=\"H_r _zu_.wav\"; filename*=UTF-8''H%C3%B6r%20%22zu%22.wav"
        == shown.response.headers["content-disposition"]
    )


async def test_head_of_a_file(ocs: Ocs) -> None:
    task_id, file_id = await heard(ocs)
    answer = await ocs.call("HEAD", f"{TP}/tasks/{task_id}/file/{file_id}")
    assert (200, b"") == (answer.status, answer.response.content)
    assert str(len(SOUND)) == answer.response.headers["content-length"]


async def test_f07_f08_f10_files_that_are_not_of_the_task(ocs: Ocs) -> None:
    task_id, file_id = await heard(ocs)
    foreign = await ocs.upload(auth=BOB)
    other = await ocs.upload()
    as_bob = await ocs.get(f"{TP}/tasks/{task_id}/file/{file_id}", auth=BOB)
    assert (404, "Not found") == (as_bob.status, as_bob.message)
    for path in (f"{task_id}/file/{foreign}", f"{task_id}/file/{other}", f"{NOBODY}/file/1"):
        answer = await ocs.get(f"{TP}/tasks/{path}")
        assert (404, "Not found") == (answer.status, answer.message)


async def test_f09_f13_pictures_of_a_task_go_with_it(ocs: Ocs) -> None:
    task_id, images = await drawn(ocs)
    path = f"{TP}/tasks/{task_id}/file/{images[0]}"
    answer = await ocs.get(path)
    assert (200, "image/png") == (answer.status, answer.response.headers["content-type"])
    assert answer.response.content.startswith(b"\x89PNG")
    await ocs.delete(f"{TP}/task/{task_id}")
    assert 404 == (await ocs.get(path)).status
    files = ocs.services.ocs.tasks.files
    assert [None, None] == [await files.find(n, owner_named("alice")) for n in images]


async def test_f11_version_1(ocs: Ocs) -> None:
    task_id, _ = await heard(ocs)
    answer = await ocs.get(f"{TP}/tasks/{task_id}/file/{NOBODY}", version=1)
    assert (200, 404) == (answer.status, answer.code)


async def test_f12_nobody_reads_files(ocs: Ocs) -> None:
    task_id, file_id = await heard(ocs)
    answer = await ocs.get(f"{TP}/tasks/{task_id}/file/{file_id}", auth=None)
    assert (401, 997) == (answer.status, answer.code)


async def test_f14_file_that_is_gone(ocs: Ocs) -> None:
    task_id, file_id = await heard(ocs)
    await ocs.services.ocs.tasks.files.remove((file_id,))
    answer = await ocs.get(f"{TP}/tasks_provider/{task_id}/file/{file_id}", worker=W)
    assert (404, "Not found") == (answer.status, answer.message)


async def test_own_upload_is_shown_to_nobody_else(ocs: Ocs) -> None:
    file_id = await ocs.upload(SOUND)
    path = f"/apps/assistant/api/v1/file/{file_id}/display"
    assert SOUND == (await ocs.get(path, is_marked=False)).response.content
    assert 404 == (await ocs.get(path, auth=BOB)).status


async def test_result_may_be_the_input_of_another_task(ocs: Ocs) -> None:
    _, images = await drawn(ocs)
    answer = await ocs.order("core:audio2text", {"input": images[0]})
    assert 200 == answer.status


async def test_scripts_are_served_as_bytes(ocs: Ocs) -> None:
    upload = await ocs.call("POST", INPUT_FILE, files={"data": ("a.html", b"<script>")})
    task_id = await ocs.sched("core:audio2text", {"input": upload.data["fileId"]})
    answer = await ocs.get(f"{TP}/tasks/{task_id}/file/{upload.data['fileId']}")
    assert "application/octet-stream" == answer.response.headers["content-type"]
