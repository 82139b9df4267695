"""What file names and headers tell about content."""

import pytest

from graphmill.media_types import (
    Disposition,
    bare_mime_type,
    charset_of,
    extension_of,
    mime_type_of,
)


@pytest.mark.parametrize(
    ("header", "is_attachment", "filename"),
    [
        ("", False, None),
        ("inline", False, None),
        ("attachment", True, None),
        ("Attachment; FileName=a.txt", True, "a.txt"),
        ('inline; filename="a b.txt"', False, "a b.txt"),
        ('attachment; filename="a;b.txt"; size=3', True, "a;b.txt"),
        (r'attachment; filename="say \"hi\".txt"', True, 'say "hi".txt'),
        ("attachment; filename=a.txt; filename*=UTF-8''%E4%BD%A0.txt", True, "你.txt"),
        ("attachment; filename*=iso-8859-1'en'caf%E9.txt; filename=b", True, "café.txt"),
        ("attachment; filename*=no-charset''%41; filename=b.txt", True, "b.txt"),
        ("attachment; filename*=UTF-8''%FF; filename=b.txt", True, "b.txt"),
        ('attachment; filename="../../etc/passwd"', True, "passwd"),
        (r"attachment; filename=C:\dir\a.txt", True, "a.txt"),
        ('attachment; filename=""', True, None),
        ('attachment; filename="unclosed', True, "unclosed"),
        ("attachment;;; filename = a.txt ; x", True, "a.txt"),
    ],
)
def test_a_content_disposition_names_the_file(
    header: str, is_attachment: bool, filename: str | None
) -> None:
    assert Disposition(is_attachment, filename) == Disposition.parse(header)


@pytest.mark.parametrize(
    ("filename", "mime_type"),
    [
        ("a.png", "image/png"), ("a.PNG", "image/png"), ("a.webp", "image/webp"),
        ("a.md", "text/markdown"), ("a.csv", "text/csv"), ("a.pdf", "application/pdf"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.zzz", None), ("png", None), ("", None),
    ],
)  # fmt: skip
def test_a_name_has_a_mime_type(filename: str, mime_type: str | None) -> None:
    assert mime_type == mime_type_of(filename)


@pytest.mark.parametrize(
    ("filename", "mime_type", "extension"),
    [
        ("a.TXT", "image/png", ".txt"),
        ("a.tar.gz", None, ".gz"),
        ("a", "image/png", ".png"),
        (None, "text/markdown", ".md"),
        (".profile", None, None),
        ("a.", "application/pdf", ".pdf"),
        ("a", "no/such", None),
        (None, None, None),
    ],
)
def test_the_extension_comes_from_the_name_or_the_type(
    filename: str | None, mime_type: str | None, extension: str | None
) -> None:
    assert extension == extension_of(filename, mime_type)


@pytest.mark.parametrize(
    ("content_type", "mime_type", "charset"),
    [
        ("text/plain", "text/plain", None),
        ("Text/HTML; Charset=UTF-8", "text/html", "UTF-8"),
        ('text/plain;charset="gbk" ; x=y', "text/plain", "gbk"),
        ("; charset=x", "", "x"),
        ("", "", None),
    ],
)
def test_a_content_type_has_a_type_and_perhaps_a_charset(
    content_type: str, mime_type: str, charset: str | None
) -> None:
    assert (mime_type, charset) == (bare_mime_type(content_type), charset_of(content_type))
