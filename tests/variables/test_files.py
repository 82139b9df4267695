import pytest

from graphmill.variables.files import (
    File,
    FileType,
    TransferMethod,
    file_from_mapping,
    file_type_of,
    may_be_declared_as,
)
from graphmill.variables.values import MISSING, type_of

UPLOAD = File(
    "document",
    "local_file",
    filename="notes.txt",
    extension=".txt",
    mime_type="text/plain",
    size=11,
    related_id="2f7e",
    url="http://h/files/2f7e?sign=s",
)
REMOTE = File("image", "remote_url", filename="pic.png", remote_url="http://h/pic.png")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("type", "document"),
        ("size", 11),
        ("name", "notes.txt"),
        ("mime_type", "text/plain"),
        ("transfer_method", "local_file"),
        ("url", "http://h/files/2f7e?sign=s"),
        ("extension", ".txt"),
        ("related_id", "2f7e"),
        ("filename", MISSING),
        ("remote_url", MISSING),
        ("__class__", MISSING),
    ],
)
def test_attributes_that_selectors_can_ask_for(name, expected):
    assert expected == UPLOAD.attribute(name)


def test_attributes_are_plain_texts():
    file = File(FileType.IMAGE, TransferMethod.REMOTE_URL)

    assert type_of(file.attribute("type")) == "string"
    assert type_of(file.attribute("transfer_method")) == "string"


def test_the_address_of_a_remote_file_is_its_own():
    assert REMOTE.attribute("url") == "http://h/pic.png"


def test_an_attribute_may_be_there_and_be_none():
    assert REMOTE.attribute("related_id") is None


def test_the_mapping_carries_the_mark_and_no_signed_address():
    assert UPLOAD.to_mapping() == {
        "dify_model_identity": "__dify__file__",
        "id": None,
        "type": "document",
        "transfer_method": "local_file",
        "remote_url": None,
        "related_id": "2f7e",
        "filename": "notes.txt",
        "extension": ".txt",
        "mime_type": "text/plain",
        "size": 11,
    }


@pytest.mark.parametrize("file", [UPLOAD, REMOTE], ids=["upload", "remote"])
def test_a_mapping_reads_back_as_the_file(file):
    assert file == file_from_mapping(file.to_mapping())


def test_a_file_of_unknown_name_is_linked_by_its_address():
    assert File("document", "remote_url", remote_url="http://h/a").to_markdown() == (
        "[http://h/a](http://h/a)"
    )


@pytest.mark.parametrize(
    ("extension", "mime_type", "expected"),
    [
        (".PNG", None, "image"),
        ("jpeg", "text/plain", "image"),
        (".mdx", None, "document"),
        (".webm", "audio/webm", "video"),
        (".mpga", None, "audio"),
        (".abc", "image/x-abc", "image"),
        (None, "audio/ogg", "audio"),
        ("", "VIDEO/MP4", "video"),
        (None, "text/csv; charset=utf-8", "document"),
        (None, "application/pdf", "document"),
        (
            None,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "document",
        ),
        (None, "application/octet-stream", "custom"),
        (".xyz", None, "custom"),
        (None, None, "custom"),
    ],
)
def test_type_comes_from_the_extension_then_from_the_mime_type(extension, mime_type, expected):
    assert expected == file_type_of(extension, mime_type)


@pytest.mark.parametrize(
    ("declared", "extension", "expected"),
    [
        ("video", ".webm", True),
        ("audio", ".webm", True),
        ("audio", ".mpga", True),
        ("video", ".mpga", True),
        ("image", ".webm", False),
        ("document", ".txt", True),
        ("image", ".txt", False),
    ],
)
def test_two_extensions_belong_to_audio_and_video(declared, extension, expected):
    assert expected is may_be_declared_as(declared, extension, None)
