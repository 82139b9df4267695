"""Inputs and files of a request (`service-api §8, §9`); what a single value may be is tested with
`variables.inputs`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from graphmill.errors import InvalidParameter
from graphmill.service.runs.inputs import read_files, read_inputs
from graphmill.variables.file_references import FileReference, FileRules
from graphmill.variables.files import File
from graphmill.variables.inputs import StartVariable, VariableType

STORED = {
    "9b0a5ed4-52d1-4bd4-a1b7-3a5c6d7e8f90": ("a.txt", ".txt", "text/plain"),
    "0c1b6fe5-63e2-4ce5-b2c8-4b6d7e8f9001": ("b.png", ".png", "image/png"),
    "1d2c7006-74f3-4df6-83d9-5c7e8f900112": ("c.mp3", ".mp3", "audio/mpeg"),
}
TEXT_ID, IMAGE_ID, AUDIO_ID = STORED


async def find(reference: FileReference) -> File:
    """Of three stored files."""
    if reference.stored_id not in STORED:
        raise InvalidParameter("Invalid upload file")
    name, extension, mime_type = STORED[reference.stored_id]
    return File(
        type="custom",
        transfer_method="local_file",
        filename=name,
        extension=extension,
        mime_type=mime_type,
        related_id=reference.stored_id,
    )


def local(file_id: str, **more: str) -> dict[str, Any]:
    return {"transfer_method": "local_file", "upload_file_id": file_id, **more}


def feature(**members: Any) -> dict[str, Any]:
    return {"file_upload": {"enabled": True, **members}}


async def test_values_are_cast_and_files_found() -> None:
    variables = [
        StartVariable("n", VariableType.NUMBER),
        StartVariable("doc", VariableType.FILE, files=FileRules(("document",))),
        StartVariable("all", VariableType.FILE_LIST),
        StartVariable("none", VariableType.FILE),
    ]
    inputs = {"n": "2.5", "doc": local(TEXT_ID), "all": [local(IMAGE_ID), local(TEXT_ID)]}
    values = await read_inputs(variables, inputs, find)
    assert 2.5 == values["n"]
    assert isinstance(values["doc"], File)
    assert ("document", "a.txt") == (values["doc"].type, values["doc"].filename)
    assert isinstance(values["all"], list)
    assert [IMAGE_ID, TEXT_ID] == [
        file.related_id for file in values["all"] if isinstance(file, File)
    ]
    assert values["none"] is None


async def test_first_fault_is_the_one_that_is_told() -> None:
    variables = [
        StartVariable("doc", VariableType.FILE),
        StartVariable("n", VariableType.NUMBER),
    ]
    with pytest.raises(InvalidParameter, match="n in input form must be a valid number"):
        await read_inputs(variables, {"doc": local("unknown"), "n": "x"}, find)


# --- top-level files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "mappings", "types"),
    [
        ({}, [], []),
        ({}, [local(AUDIO_ID), local(IMAGE_ID, type="image")], ["audio", "image"]),
        ({"file_upload": None}, [local(AUDIO_ID)], ["audio"]),
        (
            {"file_upload": {"enabled": False, "number_limits": 1}},
            [local(TEXT_ID)] * 2,
            ["document"] * 2,
        ),
        (feature(), [local(AUDIO_ID)] * 3, ["audio"] * 3),
        (feature(allowed_file_types=["document"]), [local(TEXT_ID)], ["document"]),
        ({}, [{"type": "image"}, local(TEXT_ID), {"transfer_method": "remote_url"}], ["document"]),
    ],
    ids=[
        "none",
        "feature absent",
        "feature null",
        "feature off",
        "anything allowed",
        "type allowed",
        "incomplete mappings passed over",
    ],
)
async def test_files_are_found(
    features: Mapping[str, Any], mappings: Sequence[Mapping[str, Any]], types: list[str]
) -> None:
    files = await read_files(features, mappings, find)
    assert types == [file.type for file in files]


IMAGES_ONLY = {"file_upload": {"image": {"enabled": True, "number_limits": 1}}}


@pytest.mark.parametrize(
    ("features", "mappings", "message"),
    [
        (
            feature(allowed_file_types=["image"]),
            [local(TEXT_ID)],
            "File validation failed for file: a.txt",
        ),
        (
            feature(allowed_file_upload_methods=["remote_url"]),
            [local(TEXT_ID)],
            "File validation failed for file: a.txt",
        ),
        (
            {},
            [local(TEXT_ID, type="image")],
            "Detected file type does not match the specified type. Please verify the file.",
        ),
        (feature(), [local(TEXT_ID)] * 4, "Number of files exceeds the maximum limit 3"),
        (
            feature(number_limits=1),
            [local(IMAGE_ID)] * 2,
            "Number of image files exceeds the maximum limit 1",
        ),
        (IMAGES_ONLY, [local(TEXT_ID)], "File validation failed for file: a.txt"),
        (
            IMAGES_ONLY,
            [local(IMAGE_ID)] * 2,
            "Number of image files exceeds the maximum limit 1",
        ),
        ({}, [{"transfer_method": "carrier_pigeon"}], "No matching enum found for value"),
        ({}, [local("x")], "Invalid upload file id format"),
        (feature(number_limits="x"), [local(TEXT_ID)], "The app takes no files: its features."),
    ],
    ids=[
        "type",
        "method",
        "other type declared",
        "too many",
        "too many images",
        "oldest feature: type",
        "oldest feature: number",
        "unknown method",
        "no id",
        "feature that makes no sense",
    ],
)
async def test_files_are_refused(
    features: Mapping[str, Any], mappings: Sequence[Mapping[str, Any]], message: str
) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        await read_files(features, mappings, find)
    assert str(refusal.value).startswith(message)
