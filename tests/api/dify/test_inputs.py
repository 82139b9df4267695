"""Inputs and files as the start node takes them (`service-api §29`, rows 39-60, 81-97, 102)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.dify.client import Api, Json, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"name": ""}, {"name": ""}),
        ({"name": "あいうえおかきくけこ"}, {"name": "あいうえおかきくけこ"}),
        ({"name": "A\u0000nn"}, {"name": "Ann"}),
        ({"name": "A", "bio": None}, {"bio": "none"}),
        ({"name": "A", "lang": "ja"}, {"lang": "ja"}),
        ({"name": "A", "age": "12"}, {"age": 12}),
        ({"name": "A", "age": "1.5"}, {"age": 1.5}),
        ({"name": "A", "age": 3}, {"age": 3}),
        ({"name": "A", "age": ""}, {"age": None}),
        ({"name": "A", "agree": True}, {"agree": True}),
        ({"name": "A", "agree": "yes"}, {"agree": True}),
        ({"name": "A", "agree": 1}, {"agree": True}),
        ({"name": "A", "agree": "off"}, {"agree": False}),
        ({"name": "A", "agree": 0}, {"agree": False}),
        ({"name": "A", "cfg": {"a": 1}}, {"cfg": {"a": 1}}),
        ({"name": "A", "doc": ""}, {"doc": None}),
        ({"name": "A", "docs": []}, {"docs": []}),
    ],
    ids=str,
)
async def test_inputs_become_values(api: Api, inputs: Json, outputs: Json) -> None:
    assert outputs.items() <= (await api.outputs(inputs)).items()


async def test_undeclared_input_is_dropped(api: Api) -> None:
    events = await api.events({"name": "Ann", "zzz": 1})
    assert "zzz" not in events[0]["data"]["inputs"]
    assert "zzz" not in events[-1]["data"]["outputs"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "name is required in input form"),
        ({"name": None}, "name is required in input form"),
        ({"name": 5}, "(type 'text-input') name in input form must be a string"),
        ({"name": "x" * 11}, "name in input form must be less than 10 characters"),
        ({"name": "A", "bio": ["x"]}, "(type 'paragraph') bio in input form must be a string"),
        (
            {"name": "A", "lang": "fr"},
            "lang in input form must be one of the following: ['en', 'ja']",
        ),
        ({"name": "A", "lang": 1}, "(type 'select') lang in input form must be a string"),
        ({"name": "A", "age": "abc"}, "age in input form must be a valid number"),
        ({"name": "A", "age": [1]}, "age in input form must be a valid number"),
        ({"name": "A", "agree": "maybe"}, "agree in input form must be a boolean"),
        ({"name": "A", "cfg": "x"}, "cfg in input form must be a dict"),
        ({"name": "A", "doc": "text"}, "doc in input form must be a file"),
        ({"name": "A", "doc": [{}]}, "doc in input form must be a file"),
        ({"name": "A", "docs": {}}, "docs in input form must be a list of files"),
        ({"name": "A", "docs": ["x"]}, "docs in input form must be a list of files"),
        ({"name": "A", "docs": [{}, {}, {}]}, "docs in input form must be less than 2 files"),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["blocking", "streaming"])
async def test_wrong_input_is_refused_before_anything_starts(
    api: Api, inputs: Json, message: str, mode: str
) -> None:
    response = await api.run(inputs, response_mode=mode)
    assert (400, "invalid_param") == error_of(response)
    assert message == response.json()["message"]


# --- files -----------------------------------------------------------------------------------


async def uploaded(api: Api, name: str, mime_type: str, **options: Any) -> str:
    return str((await api.upload(name, PNG, mime_type, **options)).json()["id"])


def local(file_id: str, file_type: str = "document") -> Json:
    return {"type": file_type, "transfer_method": "local_file", "upload_file_id": file_id}


async def test_uploaded_file_is_a_value_with_a_link(api: Api) -> None:
    file_id = (await api.upload("a.txt", b"hello")).json()["id"]
    doc = (await api.outputs({"name": "A", "doc": local(file_id)}))["doc"]
    assert {
        "dify_model_identity": "__dify__file__",
        "id": None,
        "type": "document",
        "transfer_method": "local_file",
        "related_id": file_id,
        "filename": "a.txt",
        "extension": ".txt",
        "mime_type": "text/plain",
        "size": 5,
    }.items() <= doc.items()
    assert f"/files/{file_id}/file-preview?" in doc["url"]
    assert {"tenant_id", "remote_url", "reference"} <= doc.keys()


async def test_file_object_of_an_output_is_an_input(api: Api) -> None:
    file_id = (await api.upload()).json()["id"]
    doc = (await api.outputs({"name": "A", "doc": local(file_id)}))["doc"]
    again = (await api.outputs({"name": "A", "doc": doc}))["doc"]
    assert (file_id, 5) == (again["related_id"], again["size"])


async def test_list_of_files_keeps_its_order(api: Api) -> None:
    ids = [await uploaded(api, f"{name}.png", "image/png") for name in ("one", "two")]
    docs = (await api.outputs({"name": "A", "docs": [local(each, "image") for each in ids]}))[
        "docs"
    ]
    assert ids == [doc["related_id"] for doc in docs]


async def test_remote_file_keeps_its_address(api: Api, echo_url: str) -> None:
    url = f"{echo_url}/png"
    mapping = {"type": "image", "transfer_method": "remote_url", "url": url}
    doc = (await api.outputs({"name": "A", "doc": mapping}))["doc"]
    assert ("remote_url", url, url, None) == (
        doc["transfer_method"],
        doc["url"],
        doc["remote_url"],
        doc["related_id"],
    )


async def test_file_of_another_user_or_app_is_refused(api: Api) -> None:
    of_user = await uploaded(api, "a.txt", "text/plain", user="somebody-else")
    of_app = await uploaded(api, "a.txt", "text/plain", app="other")
    for file_id in (of_user, of_app, str(uuid4())):
        response = await api.run({"name": "A", "doc": local(file_id)})
        assert (400, "invalid_param") == error_of(response)
        assert "Invalid upload file" == response.json()["message"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (local("x"), "Invalid upload file id format"),
        ({"type": "document", "transfer_method": "local_file"}, "Invalid upload file id"),
        ({"type": "document"}, "transfer_method is required in file mapping"),
        (
            {"type": "document", "transfer_method": "ftp"},
            "No matching enum found for value 'ftp'",
        ),
        ({"type": "image", "transfer_method": "remote_url"}, "Invalid file url"),
        (
            {"type": "image", "transfer_method": "remote_url", "url": "file:///etc/passwd"},
            "Invalid file url",
        ),
    ],
    ids=str,
)
async def test_mapping_that_names_no_file_is_refused(api: Api, mapping: Json, message: str) -> None:
    response = await api.run({"name": "A", "doc": mapping})
    assert (400, "invalid_param") == error_of(response)
    assert message == response.json()["message"]


@pytest.mark.parametrize(
    ("name", "mime_type", "declared", "message"),
    [
        (
            "a.txt",
            "text/plain",
            "image",
            "Detected file type does not match the specified type. Please verify the file.",
        ),
        ("a.mp3", "audio/mpeg", "audio", "File validation failed for file: a.mp3"),
    ],
    ids=["not-what-it-says", "not-allowed"],
)
async def test_file_of_the_wrong_type_is_refused(
    api: Api, name: str, mime_type: str, declared: str, message: str
) -> None:
    file_id = await uploaded(api, name, mime_type)
    response = await api.run({"name": "A", "doc": local(file_id, declared)})
    assert (400, "invalid_param") == error_of(response)
    assert message == response.json()["message"]


async def test_top_level_files_are_a_system_variable(api: Api) -> None:
    file_id = await uploaded(api, "a.png", "image/png")
    events = await api.events({"name": "A"}, files=[local(file_id, "image")])
    [file] = events[0]["data"]["inputs"]["sys.files"]
    assert (file_id, "a.png") == (file["related_id"], file["filename"])
