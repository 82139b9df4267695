import pytest

from graphmill.errors import InvalidParameter
from graphmill.variables.file_references import (
    FileReference,
    FileRules,
    accept_file,
    is_complete,
    parse_file_reference,
)
from graphmill.variables.files import File, FileType, TransferMethod

ID = "2f7e0000-0000-4000-8000-000000000001"
MISMATCH = "Detected file type does not match the specified type. Please verify the file."


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (
            {"type": "document", "transfer_method": "local_file", "upload_file_id": ID},
            FileReference(TransferMethod.LOCAL_FILE, FileType.DOCUMENT, stored_id=ID),
        ),
        (
            {"transfer_method": "local_file", "upload_file_id": ID.upper(), "id": "mine"},
            FileReference(TransferMethod.LOCAL_FILE, stored_id=ID, id="mine"),
        ),
        (
            {
                "dify_model_identity": "__dify__file__",
                "type": "document",
                "transfer_method": "local_file",
                "related_id": ID,
                "remote_url": "http://h/files/signed",
            },
            FileReference(TransferMethod.LOCAL_FILE, FileType.DOCUMENT, stored_id=ID),
        ),
        (
            {"transfer_method": "local_file", "upload_file_id": "", "reference": ID},
            FileReference(TransferMethod.LOCAL_FILE, stored_id=ID),
        ),
        (
            {"type": "image", "transfer_method": "remote_url", "url": "https://h/a.png"},
            FileReference(TransferMethod.REMOTE_URL, FileType.IMAGE, url="https://h/a.png"),
        ),
        (
            {"type": "image", "transfer_method": "remote_url", "remote_url": "http://h/a.png"},
            FileReference(TransferMethod.REMOTE_URL, FileType.IMAGE, url="http://h/a.png"),
        ),
        (
            {"type": "image", "transfer_method": "tool_file", "tool_file_id": "t"},
            FileReference(TransferMethod.TOOL_FILE, FileType.IMAGE, stored_id="t"),
        ),
    ],
    ids=["upload", "no type", "file object", "reference", "remote", "remote_url key", "tool file"],
)
def test_well_formed_mappings(mapping, expected):
    assert expected == parse_file_reference(mapping)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"upload_file_id": ID}, "transfer_method is required in file mapping"),
        ({"transfer_method": None}, "transfer_method is required in file mapping"),
        ({"transfer_method": "ftp"}, "No matching enum found for value 'ftp'"),
        ({"transfer_method": ["x"]}, "No matching enum found for value ['x']"),
        ({"transfer_method": "local_file"}, "Invalid upload file id"),
        ({"transfer_method": "local_file", "upload_file_id": 5}, "Invalid upload file id"),
        (
            {"transfer_method": "local_file", "upload_file_id": "x"},
            "Invalid upload file id format",
        ),
        ({"transfer_method": "remote_url"}, "Invalid file url"),
        ({"transfer_method": "remote_url", "url": "ftp://h/a"}, "Invalid file url"),
        ({"transfer_method": "tool_file"}, "ToolFile None not found"),
        (
            {"type": "nonsense", "transfer_method": "local_file", "upload_file_id": ID},
            MISMATCH,
        ),
        ({"type": 5, "transfer_method": "local_file", "upload_file_id": ID}, MISMATCH),
    ],
)
def test_malformed_mappings_are_refused(mapping, message):
    with pytest.raises(InvalidParameter) as caught:
        parse_file_reference(mapping)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"type": "document"}, False),
        ({"transfer_method": "remote_url"}, False),
        ({"transfer_method": "remote_url", "url": "x"}, True),
        ({"transfer_method": "local_file"}, True),
    ],
)
def test_mappings_without_method_or_address_are_incomplete(mapping, expected):
    assert expected is is_complete(mapping)


def stored(filename, mime_type="application/octet-stream"):
    extension = "." + filename.rpartition(".")[2]
    return File("custom", "local_file", filename, extension, mime_type, 1, related_id=ID)


DOCUMENTS_AND_IMAGES = FileRules(("document", "image"), (), ("local_file", "remote_url"))
CUSTOM = FileRules(("custom",), (".abc", "XYZ"))
LOCAL = TransferMethod.LOCAL_FILE


@pytest.mark.parametrize(
    ("declared", "filename", "rules", "strict", "expected"),
    [
        ("document", "a.txt", DOCUMENTS_AND_IMAGES, True, "document"),
        (None, "a.txt", DOCUMENTS_AND_IMAGES, True, "document"),
        ("image", "a.txt", DOCUMENTS_AND_IMAGES, False, "image"),
        ("audio", "a.webm", FileRules(("audio",)), True, "audio"),
        ("custom", "a.abc", CUSTOM, True, "custom"),
        ("custom", "a.xyz", CUSTOM, True, "custom"),
        (None, "a.abc", CUSTOM, True, "custom"),
        ("custom", "a.txt", FileRules(("custom",), ("txt",)), True, "custom"),
        ("custom", "a.txt", None, True, "custom"),
        ("document", "a.txt", FileRules(), True, "document"),
        (None, "a.bin", None, True, "custom"),
    ],
)
def test_accepted_files_get_the_declared_type_or_the_detected_one(
    declared, filename, rules, strict, expected
):
    reference = FileReference(
        LOCAL, None if declared is None else FileType(declared), stored_id=ID, id="mine"
    )

    accepted = accept_file(reference, stored(filename), rules, strict=strict)

    assert (expected, "mine", filename) == (accepted.type, accepted.id, accepted.filename)


@pytest.mark.parametrize(
    ("declared", "filename", "rules", "message"),
    [
        ("image", "a.txt", DOCUMENTS_AND_IMAGES, MISMATCH),
        ("custom", "a.txt", DOCUMENTS_AND_IMAGES, MISMATCH),
        ("audio", "a.mp3", DOCUMENTS_AND_IMAGES, "File validation failed for file: a.mp3"),
        ("custom", "a.bin", DOCUMENTS_AND_IMAGES, "File validation failed for file: a.bin"),
        ("custom", "c.txt", CUSTOM, "File validation failed for file: c.txt"),
        ("document", "c.txt", CUSTOM, "File validation failed for file: c.txt"),
        (
            "document",
            "c.txt",
            FileRules(methods=("remote_url",)),
            "File validation failed for file: c.txt",
        ),
    ],
)
def test_files_that_the_variable_does_not_allow_are_refused(declared, filename, rules, message):
    reference = FileReference(LOCAL, FileType(declared), stored_id=ID)

    with pytest.raises(InvalidParameter) as caught:
        accept_file(reference, stored(filename), rules, strict=True)
    assert str(caught.value) == message


def test_files_made_by_a_run_are_allowed_everywhere():
    reference = FileReference(TransferMethod.TOOL_FILE, FileType.AUDIO, stored_id=ID)
    file = File("audio", "tool_file", "a.mp3", ".mp3", "audio/mpeg", 1, related_id=ID)

    assert file == accept_file(reference, file, DOCUMENTS_AND_IMAGES, strict=True)
