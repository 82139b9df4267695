"""Uploads and signed links (`service-api §29`, rows 61-80, 98-100, 182)."""

import re
import time
from uuid import UUID, uuid4

import httpx
import pytest

from graphmill.files.signing import UrlSigner, load_key
from graphmill.service.services import Services
from tests.api.dify.client import USER, Api, Json, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024


async def posted(api: Api, **form: object) -> httpx.Response:
    """The answer to a form, or to whatever httpx makes of `form`."""
    headers = {"Authorization": "Bearer app-main"}
    return await api.http.post("/v1/files/upload", headers=headers, **form)


async def test_answer_has_all_its_members(api: Api) -> None:
    response = await api.upload("Plan.PDF", b"hello", "application/pdf")
    body = response.json()
    assert 201 == response.status_code
    assert [
        "id",
        "name",
        "size",
        "extension",
        "mime_type",
        "created_by",
        "created_at",
        "preview_url",
        "source_url",
        "original_url",
        "reference",
        "user_id",
        "tenant_id",
        "conversation_id",
        "file_key",
    ] == list(body)
    assert ("Plan.PDF", 5, "pdf", "application/pdf", None) == (
        body["name"],
        body["size"],
        body["extension"],
        body["mime_type"],
        body["preview_url"],
    )
    assert int is type(body["created_at"])
    assert UUID(body["id"]) != UUID(body["created_by"])


async def test_owner_is_the_user_or_everybody(api: Api) -> None:
    users = [USER, USER, "somebody-else", None, ""]
    first, again, other, nobody, empty = [
        (await api.upload(user=user)).json()["created_by"] for user in users
    ]
    assert first == again
    assert nobody == empty
    assert 3 == len({first, other, nobody})


@pytest.mark.parametrize(
    ("name", "mime_type", "stored", "extension"),
    [
        ("a.xyz", "application/x-thing", "a.xyz", "xyz"),
        (".bashrc", "text/plain", ".bashrc", ""),
        ("a:b*c?d.txt", "text/plain", "a:b*c?d.txt", "txt"),
        ("résumé 日本語.txt", "text/plain", "résumé 日本語.txt", "txt"),
        ("a.png", "text/plain", "a.png", "png"),
        ("a.svg", "image/svg+xml", "a.svg", "svg"),
        ("no-extension", "text/plain", "no-extension", ""),
        ("n" * 300 + ".txt", "text/plain", "n" * 200 + ".txt", "txt"),
        ("x." + "n" * 300 + ".tar.gz", "application/gzip", "x.gz", "gz"),
    ],
)
async def test_any_name_and_type_is_taken(
    api: Api, name: str, mime_type: str, stored: str, extension: str
) -> None:
    response = await api.upload(name, b"hello", mime_type)
    body = response.json()
    assert (201, stored, extension, mime_type) == (
        response.status_code,
        body["name"],
        body["extension"],
        body["mime_type"],
    )


async def test_empty_file_is_taken(api: Api) -> None:
    response = await api.upload("a.txt", b"")
    assert (201, 0) == (response.status_code, response.json()["size"])


async def test_other_fields_are_ignored(api: Api) -> None:
    response = await posted(
        api, files={"file": ("a.txt", b"x", "text/plain")}, data={"type": "TXT", "user": USER}
    )
    assert 201 == response.status_code


FILE = ("a.txt", b"hello", "text/plain")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"data": {"user": USER}, "files": {"user2": (None, b"x")}}, (400, "no_file_uploaded")),
        ({"json": {"user": USER}}, (400, "no_file_uploaded")),
        ({"data": {"user": USER}}, (400, "no_file_uploaded")),
        ({}, (400, "no_file_uploaded")),
        ({"files": {"document": FILE}}, (400, "no_file_uploaded")),
        ({"files": [("file", FILE), ("file", FILE)]}, (400, "too_many_files")),
        ({"files": [("file", FILE), ("file2", FILE)]}, (400, "too_many_files")),
        ({"files": [("file2", FILE), ("file", FILE)]}, (400, "too_many_files")),
        (
            {"files": [("file", ("a/b.txt", b"x", "text/plain")), ("file", FILE)]},
            (400, "too_many_files"),
        ),
        ({"files": {"file": ("a/b.txt", b"x", "text/plain")}}, (400, "invalid_param")),
        ({"files": {"file": ("a\\b.txt", b"x", "text/plain")}}, (400, "invalid_param")),
    ],
    ids=str,
)
async def test_form_that_cannot_be_taken_is_refused(
    api: Api, form: Json, error: tuple[int, str]
) -> None:
    assert error == error_of(await posted(api, **form))


@pytest.mark.parametrize(
    ("disposition", "content_type", "error"),
    [
        ('filename="a.txt"', "", (415, "unsupported_file_type")),
        ('filename=""', "", (415, "unsupported_file_type")),
        ('filename=""', "Content-Type: text/plain\r\n", (400, "filename_not_exists_error")),
    ],
    ids=["no-type", "no-type-no-name", "no-name"],
)
async def test_part_without_type_or_name_is_refused(
    api: Api, disposition: str, content_type: str, error: tuple[int, str]
) -> None:
    form = (
        f'--x\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n'
        f"{content_type}\r\nhello\r\n--x--\r\n"
    )
    response = await api.http.post(
        "/v1/files/upload",
        content=form.encode(),
        headers={
            "Authorization": "Bearer app-main",
            "Content-Type": "multipart/form-data; boundary=x",
        },
    )
    assert error == error_of(response)


@pytest.mark.parametrize(
    ("name", "size", "status"),
    [
        ("a.txt", 15 * MIB, 201),
        ("a.txt", 15 * MIB + 1, 413),
        ("a.xyz", 15 * MIB + 1, 413),
        ("a.png", 10 * MIB, 201),
        ("a.png", 12 * MIB, 413),
        ("a.mp3", 20 * MIB, 201),
        ("a.mp4", 20 * MIB, 201),
        ("a.mp3", 50 * MIB + 1, 413),
    ],
)
async def test_limit_depends_on_the_kind_of_file(
    api: Api, name: str, size: int, status: int
) -> None:
    response = await api.upload(name, bytes(size), "application/octet-stream")
    assert status == response.status_code
    if status == 413:
        assert (413, "file_too_large") == error_of(response)


# --- signed links ----------------------------------------------------------------------------


async def test_link_gives_the_bytes_without_a_key(api: Api) -> None:
    content = b"exact \x00 bytes" * 100_000
    url = httpx.URL((await api.upload("a.txt", content)).json()["source_url"])
    response = await api.http.get(url.raw_path.decode())
    assert (200, content) == (response.status_code, response.content)
    assert "text/plain; charset=utf-8" == response.headers["content-type"]
    assert "nosniff" == response.headers["x-content-type-options"]
    assert str(len(content)) == response.headers["content-length"]


async def test_link_can_be_asked_for_its_headers_only(live_api: Api) -> None:
    url = httpx.URL((await live_api.upload("a.txt", b"hello")).json()["source_url"])
    response = await live_api.http.head(url.raw_path.decode())
    assert (200, b"", "5") == (
        response.status_code,
        response.content,
        response.headers["content-length"],
    )


@pytest.mark.parametrize(
    ("name", "mime_type", "query", "is_attachment"),
    [
        ("a.png", "image/png", "", False),
        ("a.mp3", "audio/mpeg", "", False),
        ("a.png", "image/png", "&as_attachment=true", True),
        ("a.html", "text/html", "", True),
        ("a.svg", "image/svg+xml", "", True),
        ("a.txt", "text/html", "", True),
        ("a.xml", "application/xml", "", True),
        ("a.js", "text/javascript", "", True),
    ],
)
async def test_type_that_may_hold_scripts_is_for_saving_only(
    api: Api, name: str, mime_type: str, query: str, is_attachment: bool
) -> None:
    url = httpx.URL((await api.upload(name, b"x", mime_type)).json()["source_url"])
    response = await api.http.get(url.raw_path.decode() + query)
    expected = "application/octet-stream" if is_attachment else mime_type
    assert expected == response.headers["content-type"]
    assert is_attachment is response.headers.get("content-disposition", "").startswith("attachment")
    assert "nosniff" == response.headers["x-content-type-options"]


async def test_attachment_keeps_its_name_in_any_language(api: Api) -> None:
    url = httpx.URL((await api.upload("日本 + 1%.txt", b"x")).json()["source_url"])
    response = await api.http.get(url.raw_path.decode() + "&as_attachment=true")
    assert (
        "attachment; filename*=UTF-8''%E6%97%A5%E6%9C%AC%20%2B%201%25.txt"
        == response.headers["content-disposition"]
    )


@pytest.mark.parametrize(
    ("pattern", "replacement", "error"),
    [
        (r"sign=.", "sign=~", (404, "not_found")),
        (r"nonce=.", "nonce=~", (404, "not_found")),
        (r"timestamp=\d", "timestamp=9", (404, "not_found")),
        (r"timestamp=\d+", "timestamp=now", (404, "not_found")),
        (r"files/[^/]+", f"files/{uuid4()}", (404, "not_found")),
        (r"files/[^/]+", "files/abc", (404, "not_found")),
        (r"file-preview", "image-preview", (404, "not_found")),
        (r"files/([^/]+)/file-preview", r"files/tools/\1", (403, "forbidden")),
        (r"sign=.*", "", (400, "bad_request")),
        (r"\?.*", "", (400, "bad_request")),
    ],
)
async def test_link_that_was_changed_gives_nothing(
    api: Api, pattern: str, replacement: str, error: tuple[int, str]
) -> None:
    url = httpx.URL((await api.upload()).json()["source_url"]).raw_path.decode()
    assert error == error_of(await api.http.get(re.sub(pattern, replacement, url)))


async def test_link_gives_nothing_when_its_time_is_over(api: Api, services: Services) -> None:
    file_id = (await api.upload()).json()["id"]
    key = load_key(services.settings.data_dir / "secret.key")
    past = UrlSigner(key, "http://server", clock=lambda: time.time() - 301)
    response = await api.http.get(past.sign("file-preview", file_id))
    assert (404, "not_found") == error_of(response)
    assert "File not found or signature is invalid" == response.json()["message"]


# --- preview ---------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [{}, {"as_attachment": "true"}, {"user": USER}])
async def test_preview_knows_files_of_messages_only(api: Api, query: dict[str, str]) -> None:
    file_id = (await api.upload()).json()["id"]
    response = await api.get(f"/files/{file_id}/preview", params=query)
    assert (404, "file_not_found") == error_of(response)


async def test_preview_refuses_what_is_no_id_and_no_truth_value(api: Api) -> None:
    assert (404, "not_found") == error_of(await api.get("/files/abc/preview"))
    response = await api.get(f"/files/{uuid4()}/preview", params={"as_attachment": "maybe"})
    assert (400, "invalid_param") == error_of(response)
