"""Endpoints about the app itself and its users (`service-api §18, §20`)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.calls import Call
from graphmill.api.dify.errors import app_unavailable, not_found
from graphmill.api.dify.requests import DEFAULT_USER, is_uuid
from graphmill.dsl.model import Workflow
from graphmill.errors import EndUserNotFound
from graphmill.jsontext import encode
from graphmill.variables.files import WORKSPACE_ID

_DISABLED: Final = {"enabled": False}
_FEATURES: Final[Mapping[str, Any]] = {
    "opening_statement": None,
    "suggested_questions": [],
    "suggested_questions_after_answer": _DISABLED,
    "speech_to_text": _DISABLED,
    "text_to_speech": {"enabled": False, "voice": "", "language": ""},
    "retriever_resource": _DISABLED,
    "annotation_reply": _DISABLED,
    "more_like_this": _DISABLED,
    "sensitive_word_avoidance": _DISABLED,
}
"""Features that are passed on as the DSL has them, and what a DSL without them means (`§18.2`)."""

_IMAGE_UPLOAD: Final = {
    "enabled": False,
    "number_limits": 3,
    "detail": "high",
    "transfer_methods": ["remote_url", "local_file"],
}
"""The part of `file_upload` that older clients read."""
_TEXT_CONTROLS: Final = frozenset({"text-input", "paragraph", "select"})
WORKFLOW_FILES: Final = 10
"""How many files Dify lets a form have; told to clients, who keep to it."""

_TOOL_ICON: Final = {"background": "#252525", "content": "😁"}
_PICTURE: Final = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
    "<text y='13' font-size='13'>🔧</text></svg>"
)
_BUILTIN_TOOL_ICON: Final = "data:image/svg+xml," + quote(_PICTURE, safe=" ='/:")
"""Clients expect the address of a picture."""
BUILTIN_ICON_PATH: Final = "/console/api/workspaces/current/tool-provider/builtin/{provider}/icon"
"""Where Dify has the pictures that `node_started` names."""


async def tool_icon(_: Request) -> ASGIApp:
    """Of tools that the server has itself."""
    return Response(_PICTURE, media_type="image/svg+xml")


async def info(call: Call) -> ASGIApp:
    about = call.app.info
    content: dict[str, Any] = {
        "name": about.name,
        "description": about.description,
        "tags": [],
        "mode": about.mode,
        "author_name": None,
    }
    return JsonAnswer(encode(content))


async def parameters(call: Call) -> ASGIApp:
    app = call.app
    if not app.published or app.workflow is None:
        raise app_unavailable()
    limits = call.services.settings.limits.uploads_mb
    content: dict[str, Any] = {
        **form_of(app.workflow),
        "system_parameters": {
            "image_file_size_limit": limits.image,
            "video_file_size_limit": limits.video,
            "audio_file_size_limit": limits.audio,
            "file_size_limit": limits.document,
            "workflow_file_upload_limit": WORKFLOW_FILES,
        },
    }
    return JsonAnswer(encode(content))


async def meta(call: Call) -> ASGIApp:
    app = call.app
    nodes = app.workflow.nodes if app.published and app.workflow is not None else ()
    icons = {
        str(node.data.get("tool_name")): (
            _BUILTIN_TOOL_ICON if node.data.get("provider_type") == "builtin" else _TOOL_ICON
        )
        for node in nodes
        if node.type == "tool"
    }
    return JsonAnswer(encode({"tool_icons": icons}))


async def site(call: Call) -> ASGIApp:
    about = call.app.info
    content = {
        "title": about.name,
        "chat_color_theme": None,
        "chat_color_theme_inverted": False,
        "icon_type": about.icon_type or "emoji",
        "icon": about.icon,
        "icon_background": about.icon_background,
        "icon_url": None,
        "description": about.description,
        "copyright": None,
        "privacy_policy": None,
        "input_placeholder": None,
        "custom_disclaimer": "",
        "default_language": "en-US",
        "show_workflow_steps": True,
        "use_icon_as_answer_icon": about.use_icon_as_answer_icon,
    }
    return JsonAnswer(encode(content))


async def end_user(call: Call) -> ASGIApp:
    user_id = call.path["end_user_id"]
    if not is_uuid(user_id):
        raise not_found()
    user = await call.services.end_users.get(call.app.id, user_id)
    if user is None:
        raise EndUserNotFound(user_id)
    created_at = datetime.fromtimestamp(user.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    content = {
        "id": user.id,
        "tenant_id": WORKSPACE_ID,
        "app_id": user.app_id,
        "type": "service-api",
        "external_user_id": user.session_id,
        "name": None,
        "is_anonymous": user.session_id == DEFAULT_USER,
        "session_id": user.session_id,
        "created_at": created_at,
        "updated_at": created_at,
    }
    return JsonAnswer(encode(content))


def form_of(workflow: Workflow) -> dict[str, Any]:
    """What a page needs to know to ask for inputs."""
    stored = workflow.features
    return {
        **{
            name: default if stored.get(name) is None else stored[name]
            for name, default in _FEATURES.items()
        },
        "user_input_form": list(_form(workflow)),
        "file_upload": file_upload(stored.get("file_upload")),
    }


def _form(workflow: Workflow) -> Iterator[dict[str, dict[str, Any]]]:
    """The variables of the start node as the DSL has them, with what older clients expect to be
    there (`§25`, choice 27)."""
    start = next((node for node in workflow.nodes if node.type == "start"), None)
    variables = start.data.get("variables") if start is not None else None
    # The file may be one that can be read and not run: its variables may be anything.
    for variable in map(_mapping, variables if isinstance(variables, list) else ()):
        control = str(variable.get("type", "text-input"))
        default = {"default": ""} if control in _TEXT_CONTROLS else {}
        yield {control: {**default, "required": False, **variable}}


def _mapping(value: object) -> Mapping[str, Any]:
    """`value`, if it is what it should be."""
    return value if isinstance(value, dict) else {}


def file_upload(feature: object) -> dict[str, Any]:
    """As stored; the oldest files know images only, and the oldest clients ask for them only
    (`§25`, choice 28)."""
    stored = _mapping(feature)
    image = {**_IMAGE_UPLOAD, **_mapping(stored.get("image"))}
    upload = {**stored, "image": image}
    if image["enabled"] and "allowed_file_types" not in stored:
        upload |= {
            "enabled": True,
            "number_limits": image["number_limits"],
            "allowed_file_types": ["image"],
            "allowed_file_extensions": [],
            "allowed_file_upload_methods": image["transfer_methods"],
        }
    return upload
