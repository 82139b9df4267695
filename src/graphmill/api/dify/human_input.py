"""Forms that runs wait for (`service-api §22`)."""

from functools import partial
from typing import Any

from pydantic import BaseModel
from starlette.types import ASGIApp

from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.calls import Call
from graphmill.api.dify.requests import parse, read_object, required_user

DONE = JsonAnswer(b"{}")


class FormOrder(BaseModel):
    """The body of a submission (`§22.2`)."""

    inputs: dict[str, Any]
    action: str


async def show(call: Call) -> ASGIApp:
    kept = await call.services.forms.get(call.path["form_token"], call.app)
    form = kept.form
    content = {
        "form_content": form.content,
        "inputs": [each.to_mapping() for each in form.inputs],
        "resolved_default_values": form.defaults,
        "user_actions": [each.to_mapping() for each in form.actions],
        "expiration_time": int(kept.expires_at),
    }
    return JsonAnswer(call.api.wire.encode(content))


async def submit(call: Call) -> ASGIApp:
    body = await read_object(call)
    user = await required_user(call, body.get("user"))
    order = parse(FormOrder, body)
    kept = await call.services.forms.get(call.path["form_token"], call.app)
    find = partial(call.services.files.find, user=user)
    await call.services.forms.submit(kept, order.action, order.inputs, find)
    return DONE
