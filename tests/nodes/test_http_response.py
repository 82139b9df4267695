"""Is the answer a file or text, in which charset, and how large may it be (`nodes §10`)?"""

from collections.abc import AsyncIterator, Mapping

import pytest

from graphmill.nodes.http_request.response import (
    Received,
    ResponseTooLarge,
    holds_file,
    receive,
)
from graphmill.ports.http import HttpLimits

KIB = 1024
LIMITS = HttpLimits(text_bytes=2 * KIB, file_bytes=4 * KIB)


class Answer:
    """`ports.HttpResponse` over given chunks; counts those that were taken."""

    def __init__(
        self, chunks: list[bytes], headers: Mapping[str, str], length: int | None = None
    ) -> None:
        self.status = 200
        self.headers = headers
        self.url = "http://h/"
        self.length = length
        self.taken = 0
        self._chunks = chunks

    async def read(self, *, limit: int) -> bytes:
        raise AssertionError("the node reads chunk by chunk")

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


@pytest.mark.parametrize(
    ("content_type", "disposition", "beginning", "expected"),
    [
        ("text/plain", "", b"", False),
        ("text/html; charset=utf-8", "", b"\xff", False),
        ("text/csv", "", b"a,b", False),
        ("text/csv", "attachment", b"a,b", True),
        ("text/plain", "attachment", b"", True),
        ("text/plain", 'inline; filename="a.txt"', b"", True),
        ("text/plain", "inline", b"", False),
        ("application/json", "", b"", False),
        ("application/vnd.api+json", "", b"\xff", False),
        ("application/xml", "", b"", False),
        ("application/javascript", "", b"", False),
        ("application/x-www-form-urlencoded", "", b"", False),
        ("application/yaml", "", b"", False),
        ("application/graphql", "", b"", False),
        ("application/octet-stream", "", b'{"a": 1}', False),
        ("application/octet-stream", "", b"var x = 1", False),
        ("application/octet-stream", "", b"function f() {}", False),
        ("application/octet-stream", "", b"plain words", True),
        ("application/octet-stream", "", b"\x00\xff{", True),
        ("application/octet-stream", "", b"x" * 1024 + b"{", True),
        ("application/octet-stream", "", b"{" + b"x" * 1022 + "é".encode(), False),
        ("application/pdf", "", b"%PDF-1.4", True),
        ("application/zip", "", b"PK", True),
        ("application/unheard-of", "", b"words", False),
        ("image/png", "", b"{", True),
        ("image/unheard-of", "", b"", True),
        ("IMAGE/PNG", "", b"", True),
        ("audio/mpeg", "", b"", True),
        ("video/mp4", "", b"", True),
        ("font/woff2", "", b"", False),
        ("multipart/mixed", "", b"", False),
        ("", "", b"\x00", False),
    ],
)
def test_a_file_is_told_from_text(
    content_type: str, disposition: str, beginning: bytes, expected: bool
) -> None:
    headers = {"content-type": content_type, "content-disposition": disposition}
    assert expected == holds_file(headers, beginning)


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("text/plain", "é".encode(), "é"),
        ("text/plain; charset=gbk", "你好".encode("gbk"), "你好"),
        ("text/plain; charset=iso-8859-1", "café".encode("latin-1"), "café"),
        ("text/plain; charset=utf-8", b"\xef\xbb\xbfx", "x"),
        ("text/plain", b"\xef\xbb\xbfx", "x"),
        ("text/plain", "é".encode("utf-16"), "é"),
        ("text/plain", "é".encode("utf-32"), "é"),
        ("text/plain; charset=utf-8", b"\xff", "\ufffd"),
        ("text/plain; charset=no-such", "é".encode(), "é"),
        ("text/plain; charset=unicode_escape", b"\\ud800", "\\ud800"),
        ("text/plain; charset=idna", b"xn--bcher-kva", "xn--bcher-kva"),
        ("text/plain; charset=utf-7", b"+2AA-", "+2AA-"),
        ("text/plain; charset=base64", b"eA==", "eA=="),
        ("text/plain; charset=", b"x", "x"),
        ("text/plain", ("Где найти хорошего врача? " * 20).encode("cp1251"),
         "Где найти хорошего врача? " * 20),
    ],
)  # fmt: skip
async def test_text_is_read_as_declared_or_as_it_looks(
    content_type: str, content: bytes, text: str
) -> None:
    received = Received(200, {"content-type": content_type}, "http://h/", content, False)
    assert text == await received.text()


@pytest.mark.parametrize(
    ("headers", "url", "mime_type"),
    [
        ({"content-disposition": "inline; filename=a.pdf", "content-type": "image/png"}, "",
         "application/pdf"),
        ({"content-disposition": "inline; filename=a", "content-type": "image/png; q=1"}, "",
         "image/png"),
        ({"content-disposition": "attachment"}, "http://h/a.gif?b=c.png", "image/gif"),
        ({"content-disposition": "attachment"}, "http://h/a", "application/octet-stream"),
    ],
)  # fmt: skip
def test_a_file_has_a_mime_type(headers: dict[str, str], url: str, mime_type: str) -> None:
    assert mime_type == Received(200, headers, url, b"", True).mime_type


@pytest.mark.parametrize(
    ("content_type", "size"),
    [("text/plain", 2 * KIB), ("image/png", 4 * KIB), ("text/plain", 0), ("image/png", 5)],
)
async def test_an_answer_may_be_as_large_as_its_kind(content_type: str, size: int) -> None:
    received = await receive(Answer([b"x" * size], {"content-type": content_type}), LIMITS)
    assert size == len(received.content)


@pytest.mark.parametrize(
    ("content_type", "length", "message"),
    [
        ("text/plain", None, "Text size is too large, max size is 0.00 MB, but current size is "
         "more than 2.00 KB."),
        ("text/plain", 900, "Text size is too large, max size is 0.00 MB, but current size is "
         "900 bytes."),
        ("image/png", 5 * KIB * KIB, "File size is too large, max size is 0.00 MB, but current "
         "size is 5.00 MB."),
    ],
)  # fmt: skip
async def test_a_larger_answer_is_read_no_further(
    content_type: str, length: int | None, message: str
) -> None:
    answer = Answer([b"x" * KIB] * 1000, {"content-type": content_type}, length)
    with pytest.raises(ResponseTooLarge) as refused:
        await receive(answer, LIMITS)
    assert message == str(refused.value)
    assert answer.taken <= 5


async def test_small_limits_count_for_small_answers() -> None:
    limits = HttpLimits(text_bytes=3, file_bytes=3)
    with pytest.raises(ResponseTooLarge):
        await receive(Answer([b"four"], {}), limits)
