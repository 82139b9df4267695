"""Upload forms, however they are cut into pieces."""

from collections.abc import Iterable

import pytest

from graphmill.api.bodies import BodyRefused
from graphmill.api.forms import UploadForm
from graphmill.errors import NoFileUploaded, TooManyFiles

TYPE = b"multipart/form-data; boundary=frontier"


class Pieces:
    """A body that is here already."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = list(pieces)

    @property
    def is_complete(self) -> bool:
        return not self._pieces

    async def chunk(self) -> bytes:
        return self._pieces.pop(0)


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    head = [f"Content-Disposition: form-data; {disposition}", *headers]
    return b"--frontier\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes, size: int = 1 << 20, content_type: bytes = TYPE) -> UploadForm:
    body = b"".join(parts) + b"--frontier--\r\n"
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return UploadForm(Pieces(pieces), content_type)


async def read(upload: UploadForm) -> None:
    await upload.file()
    await upload.finish()


FILE = part('name="file"; filename="a.txt"', b"hello", "Content-Type: text/plain")
USER = part('name="user"', b"abc-123")


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize("parts", [(USER, FILE), (FILE, USER)], ids=["user-first", "file-first"])
async def test_file_and_user_are_read_in_any_order_and_any_pieces(
    parts: tuple[bytes, ...], size: int
) -> None:
    upload = form(*parts, size=size)
    file = await upload.file()
    content = b"".join([chunk async for chunk in upload.chunks()])
    assert ("a.txt", "text/plain", b"hello", "abc-123") == (
        file.name,
        file.mime_type,
        content,
        upload.text("user"),
    )


async def test_file_is_handed_on_before_the_form_has_ended() -> None:
    upload = form(FILE, USER, size=len(FILE) - 2)
    await upload.file()
    assert b"hello" == await anext(upload.chunks())
    assert "" == upload.text("user")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="file"; filename="résumé 日本語.txt"', "résumé 日本語.txt"),
        ("name=\"file\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt", "日本.txt"),
        ("name=\"file\"; filename=\"x\"; filename*=utf-8'en'%e2%82%ac.txt", "€.txt"),
        ("name=\"file\"; filename=\"x.txt\"; filename*=no-such''%41", "x.txt"),
        ('name="file"; filename="100%25 a+b.txt"', "100%25 a+b.txt"),
        ('name="file"; filename=""', ""),
        ('name="file"; filename="a/b.txt"', "a/b.txt"),
        ('name="file"; filename="say \\"hi\\".txt"', 'say "hi".txt'),
        ("name=file; filename=plain.txt", "plain.txt"),
    ],
)  # fmt: skip
async def test_file_name_is_what_the_client_meant(disposition: str, name: str) -> None:
    assert name == (await form(part(disposition, b"")).file()).name


@pytest.mark.parametrize(
    ("headers", "mime_type"),
    [
        ([], None),
        (["Content-Type: text/plain; charset=utf-16"], "text/plain"),
        (["content-type: IMAGE/PNG"], "image/png"),
    ],
    ids=["none", "with-parameters", "capitals"],
)
async def test_type_is_the_declared_one_without_parameters(
    headers: list[str], mime_type: str | None
) -> None:
    file = await form(part('name="file"; filename="a"', b"", *headers)).file()
    assert mime_type == file.mime_type


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (USER,),
        (part('name="file"', b"no file name"),),
        (part('name="other"; filename="a.txt"', b"x"),),
    ],
    ids=["empty", "only-user", "no-file-name", "other-name"],
)
async def test_form_without_a_file_is_refused(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(NoFileUploaded):
        await form(*parts).file()


@pytest.mark.parametrize(
    "content_type",
    [b"", b"application/json", b"multipart/form-data", TYPE + b"x" * 999],
    ids=["none", "json", "no-boundary", "endless-boundary"],
)  # fmt: skip
def test_anything_but_a_form_is_refused(content_type: bytes) -> None:
    with pytest.raises(NoFileUploaded):
        form(FILE, content_type=content_type)


@pytest.mark.parametrize(
    "second",
    [FILE, part('name="file2"; filename="b.txt"', b"x", "Content-Type: text/plain")],
    ids=["same-name", "other-name"],
)
async def test_second_file_is_refused_even_behind_the_first(second: bytes) -> None:
    upload = form(FILE, USER, second, size=len(FILE))
    await upload.file()
    with pytest.raises(TooManyFiles):
        await upload.finish()


async def test_field_named_file_is_no_part_of_the_file() -> None:
    upload = form(FILE, part('name="file"', b"intruder"))
    await upload.file()
    assert [b"hello"] == [chunk async for chunk in upload.chunks()]


async def test_endless_user_is_not_kept() -> None:
    upload = form(part('name="user"', b"x" * 1_000_000), FILE, size=1000)
    await read(upload)
    assert 255 < len(upload.text("user")) < 100_000


@pytest.mark.parametrize(
    "body",
    [
        FILE[:-2],
        b"--frontier\r\nno header\r\n\r\n",
        b"--frontier\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
        b"--frontier\r\nX: " + b"x" * 100_000,
    ],
    ids=["broken-off", "no-header", "many-headers", "endless-header"],
)
async def test_form_that_cannot_be_read_to_its_end_is_a_bad_request(body: bytes) -> None:
    upload = UploadForm(Pieces([body]), TYPE)
    with pytest.raises(BodyRefused) as caught:
        await read(upload)
    assert 400 == caught.value.status


async def test_part_without_a_file_name_is_a_file_where_that_is_usual() -> None:
    body = Pieces([part('name="data"', b"hello") + USER + b"--frontier--\r\n"])
    upload = UploadForm(body, TYPE, file_field="data", needs_name=False)
    assert "" == (await upload.file()).name
    assert [b"hello"] == [chunk async for chunk in upload.chunks()]
    assert [("user", b"abc-123")] == [(name, bytes(text)) for name, text in upload.fields]
