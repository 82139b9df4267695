"""Endpoints for apps that are no workflows, as a workflow's key meets them: clients find out by
them what an app is."""

from starlette.types import ASGIApp

from graphmill.api.dify.calls import Call
from graphmill.api.dify.errors import app_unavailable, not_chat_app
from graphmill.api.dify.requests import read_object, required_user
from graphmill.dsl.model import AppMode


async def chat(call: Call) -> ASGIApp:
    await _with_user(call)
    raise app_unavailable() if call.app.info.mode is AppMode.ADVANCED_CHAT else not_chat_app()


async def completion(call: Call) -> ASGIApp:
    await _with_user(call)
    raise app_unavailable()


async def _with_user(call: Call) -> None:
    body = await read_object(call)
    await required_user(call, body.get("user"))
