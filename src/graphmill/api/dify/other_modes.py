"""Endpoints of completion apps, which have no graph: clients find out by them what an app is."""

from starlette.types import ASGIApp

from graphmill.api.dify.calls import Call
from graphmill.api.dify.errors import app_unavailable
from graphmill.api.dify.requests import read_object, required_user


async def completion(call: Call) -> ASGIApp:
    body = await read_object(call)
    await required_user(call, body.get("user"))
    raise app_unavailable()
