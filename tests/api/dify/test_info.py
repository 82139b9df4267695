"""What an app tells of itself and its users (`service-api §29`, rows 168-181)."""

from datetime import datetime
from uuid import uuid4

import pytest

from graphmill.api.dify.info import file_upload
from tests.api.dify.client import USER, Api, Json, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("query", [{}, {"user": USER}])
async def test_info_is_the_head_of_the_file(api: Api, query: dict[str, str]) -> None:
    response = await api.get("/info", params=query)
    assert {
        "name": "API main",
        "description": "The main application of the API cases",
        "tags": [],
        "mode": "workflow",
        "author_name": None,
    } == response.json()


@pytest.mark.parametrize(
    ("app", "mode"),
    [("chat", "advanced-chat"), ("unpublished", "workflow"), ("broken", "workflow")],
)
async def test_info_needs_no_version_that_runs(api: Api, app: str, mode: str) -> None:
    assert mode == (await api.get("/info", app=app)).json()["mode"]


# --- parameters ------------------------------------------------------------------------------


async def test_parameters_have_all_their_members(api: Api) -> None:
    body = (await api.get("/parameters")).json()
    assert [
        "opening_statement",
        "suggested_questions",
        "suggested_questions_after_answer",
        "speech_to_text",
        "text_to_speech",
        "retriever_resource",
        "annotation_reply",
        "more_like_this",
        "sensitive_word_avoidance",
        "user_input_form",
        "file_upload",
        "system_parameters",
    ] == list(body)
    assert {
        "image_file_size_limit": 10,
        "video_file_size_limit": 100,
        "audio_file_size_limit": 50,
        "file_size_limit": 15,
        "workflow_file_upload_limit": 10,
    } == body["system_parameters"]


async def test_form_is_the_start_node_s_in_its_order(api: Api) -> None:
    form = (await api.get("/parameters")).json()["user_input_form"]
    assert [
        "text-input",
        "paragraph",
        "select",
        "number",
        "checkbox",
        "json_object",
        "file",
        "file-list",
    ] == [control for field in form for control in field]
    assert {
        "default": "",
        "required": True,
        "variable": "name",
        "label": "Name",
        "type": "text-input",
        "max_length": 10,
        "description": "Your name",
    } == form[0]["text-input"]
    assert {"default": "", "required": False, "options": ["en", "ja"]}.items() <= form[2][
        "select"
    ].items()
    assert "default" not in form[3]["number"]


async def test_file_without_features_has_them_all_off(api: Api) -> None:
    body = (await api.get("/parameters", app="other")).json()
    assert (None, [], {"enabled": False, "voice": "", "language": ""}) == (
        body["opening_statement"],
        body["suggested_questions"],
        body["text_to_speech"],
    )
    assert {
        "image": {
            "enabled": False,
            "number_limits": 3,
            "detail": "high",
            "transfer_methods": ["remote_url", "local_file"],
        }
    } == body["file_upload"]


async def test_features_are_passed_on_as_they_are_stored(api: Api) -> None:
    body = (await api.get("/parameters", app="features")).json()
    assert ("Hi", ["a?", "b?"], "disabled", {"enabled": True}) == (
        body["opening_statement"],
        body["suggested_questions"],
        body["text_to_speech"]["autoPlay"],
        body["speech_to_text"],
    )
    assert {"file_size_limit": 15} == body["file_upload"]["fileUploadConfig"]


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (
            {"image": {"enabled": True, "number_limits": 5, "transfer_methods": ["local_file"]}},
            {
                "enabled": True,
                "number_limits": 5,
                "allowed_file_types": ["image"],
                "allowed_file_extensions": [],
                "allowed_file_upload_methods": ["local_file"],
            },
        ),
        (
            {"enabled": False, "allowed_file_types": ["video"], "image": {"enabled": True}},
            {"enabled": False, "allowed_file_types": ["video"]},
        ),
    ],
    ids=["images-only", "modern"],
)
async def test_oldest_files_know_images_only(stored: Json, told: Json) -> None:
    upload = file_upload(stored)
    assert told == {key: value for key, value in upload.items() if key != "image"}
    assert {"enabled", "number_limits", "detail", "transfer_methods"} == upload["image"].keys()


async def test_parameters_of_an_unpublished_app_are_unavailable(api: Api) -> None:
    response = await api.get("/parameters", app="unpublished")
    assert (400, "app_unavailable") == error_of(response)


async def test_parameters_of_a_broken_file_are_what_can_be_read(api: Api) -> None:
    assert 200 == (await api.get("/parameters", app="broken")).status_code


# --- meta, site ------------------------------------------------------------------------------


@pytest.mark.parametrize("app", ["main", "unpublished", "chat"])
async def test_app_without_tools_has_no_icons(api: Api, app: str) -> None:
    assert {"tool_icons": {}} == (await api.get("/meta", app=app)).json()


async def test_built_in_tool_has_the_address_of_its_icon(api: Api) -> None:
    icons = (await api.get("/meta", app="features")).json()["tool_icons"]
    assert ["current_time"] == list(icons)
    assert icons["current_time"].startswith("data:image/svg+xml,")


@pytest.mark.parametrize(("app", "title"), [("main", "API main"), ("chat", "api-chat")])
async def test_site_is_derived_from_the_app(api: Api, app: str, title: str) -> None:
    body = (await api.get("/site", app=app)).json()
    assert {
        "title": title,
        "icon_type": "emoji",
        "icon": "🤖",
        "icon_background": "#E4FBCC",
        "icon_url": None,
        "default_language": "en-US",
        "show_workflow_steps": True,
        "custom_disclaimer": "",
    }.items() <= body.items()


# --- end users -------------------------------------------------------------------------------


async def test_end_user_is_told_with_dates_as_text(api: Api) -> None:
    user_id = (await api.upload(user=USER)).json()["created_by"]
    body = (await api.get(f"/end-users/{user_id}")).json()
    assert {
        "id": user_id,
        "type": "service-api",
        "external_user_id": USER,
        "session_id": USER,
        "is_anonymous": False,
        "name": None,
    }.items() <= body.items()
    assert body["created_at"].endswith("Z")
    assert datetime.fromisoformat(body["created_at"]) <= datetime.fromisoformat(body["updated_at"])


async def test_everybody_s_user_is_anonymous(api: Api) -> None:
    user_id = (await api.upload(user=None)).json()["created_by"]
    body = (await api.get(f"/end-users/{user_id}")).json()
    assert (True, "DEFAULT-USER") == (body["is_anonymous"], body["session_id"])


async def test_end_user_that_is_not_there_is_not_found(api: Api) -> None:
    foreign = (await api.upload(app="other")).json()["created_by"]
    for user_id in (str(uuid4()), foreign):
        assert (404, "end_user_not_found") == error_of(await api.get(f"/end-users/{user_id}"))
    assert (404, "not_found") == error_of(await api.get("/end-users/abc"))
