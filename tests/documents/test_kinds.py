import pytest

from graphmill.documents.kinds import Kind, kind_of
from graphmill.errors import DocumentUnreadable


@pytest.mark.parametrize(
    ("extension", "mime_type", "expected"),
    [
        (".pdf", "text/plain", Kind.PDF),
        (".vtt", "text/vtt", Kind.TEXT),
        (".c++", None, Kind.TEXT),
        (".xls", None, Kind.EXCEL),
        (None, "text/vtt", Kind.VTT),
        ("", "text/html; charset=utf-8", Kind.TEXT),
        (None, "application/vnd.ms-outlook", Kind.MSG),
    ],
)
def test_the_extension_decides_then_the_mime_type(
    extension: str | None, mime_type: str | None, expected: Kind
) -> None:
    assert expected is kind_of(extension, mime_type)


@pytest.mark.parametrize(
    ("extension", "mime_type", "message"),
    [
        (".PDF", "application/pdf", "Unsupported Extension Type: .PDF"),
        (".exe", "text/plain", "Unsupported Extension Type: .exe"),
        (None, "image/png", "Unsupported MIME type: image/png"),
        (
            None,
            None,
            "Unable to determine file type: MIME type or file extension is missing",
        ),
    ],
)
def test_other_files_are_no_documents(
    extension: str | None, mime_type: str | None, message: str
) -> None:
    with pytest.raises(DocumentUnreadable) as refused:
        kind_of(extension, mime_type)
    assert message == str(refused.value)
