"""Every endpoint of this API, in one table, and the guards before them (`nextcloud-ocs §3.1,
§9–§16, §20.1`)."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from math import ceil
from typing import Final, TypeAlias

from starlette.types import ASGIApp

from graphmill.api.ocs import (
    app_api,
    files,
    first_calls,
    login,
    providers,
    task_processing,
    text_processing,
    text_to_image,
)
from graphmill.api.ocs.calls import Api, Call, Caller
from graphmill.api.ocs.envelope import Reply
from graphmill.api.ocs.errors import (
    INTERNAL_ERROR,
    PlainError,
    no_such_route,
    not_logged_in,
    refused,
)

Handler: TypeAlias = Callable[[Call], Awaitable[Reply | ASGIApp]]


class Access(Enum):
    """Who may call."""

    PUBLIC = auto()
    USER = auto()
    """A user; where the configuration allows anonymous tasks, anybody: only to order them, and to
    read those whose ids they know (`§3.6`)."""
    LOGIN = auto()
    """A user."""
    WORKER = auto()
    WORKER_OR_USER = auto()
    REGISTERED = auto()
    """A worker, on the routes of AppAPI, which have an error of their own."""
    REGISTERED_OR_DISABLED = auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    handler: Handler
    access: Access
    limit: str = ""
    """What counts its calls: the name of a limit."""
    is_linkable: bool = False
    """May a browser call it from a plain link?"""
    takes_file: bool = False
    """Its body is left for the handler to read."""
    failure: str = INTERNAL_ERROR
    """What it says when the server is to blame (`§9`)."""


def _order(handler: Handler, access: Access, *, limit: str = "") -> Endpoint:
    """Makes a task."""
    return Endpoint(handler, access, limit, failure="Internal server error")


_TP: Final = "/taskprocessing"
_TX: Final = "/textprocessing"
_TI: Final = "/text2image"
_APP_API: Final = "/apps/app_api"

_show = Endpoint(task_processing.show, Access.USER, limit="fetch")
_cancel = Endpoint(task_processing.cancel, Access.LOGIN)
_own_file = Endpoint(files.own_task_file, Access.USER, is_linkable=True)
_progress = Endpoint(providers.progress, Access.WORKER_OR_USER)
_add_own_file = Endpoint(providers.add_file, Access.WORKER_OR_USER, takes_file=True)
_delete = Endpoint(task_processing.delete, Access.LOGIN)
_text_task = Endpoint(text_processing.TASKS.show, Access.USER, limit="fetch")
_image_task = Endpoint(text_to_image.TASKS.show, Access.USER, limit="fetch")
_image = Endpoint(text_to_image.image, Access.USER)
_images = Endpoint(text_to_image.TASKS.list_of_app, Access.LOGIN)

ENDPOINTS: Final[tuple[tuple[str, str, Endpoint], ...]] = (
    ("GET POST", f"{_TP}/task/{{task_id}}", _show),
    ("DELETE", f"{_TP}/task/{{task_id}}", _delete),
    ("POST", f"{_TP}/schedule",
        _order(task_processing.schedule, Access.USER, limit="schedule")),
    ("GET", f"{_TP}/tasktypes", Endpoint(task_processing.task_types, Access.USER)),
    ("GET", f"{_TP}/tasks", Endpoint(task_processing.list_all, Access.LOGIN)),
    ("GET", f"{_TP}/tasks/app/{{app_id}}", Endpoint(task_processing.list_of_app, Access.LOGIN)),
    ("POST", f"{_TP}/tasks/{{task_id}}/cancel", _cancel),
    ("POST", f"{_TP}/task/{{task_id}}/cancel", _cancel),
    ("GET", f"{_TP}/tasks/{{task_id}}/file/{{file_id}}", _own_file),
    ("GET", f"{_TP}/task/{{task_id}}/file/{{file_id}}", _own_file),
    ("POST", f"{_TP}/tasks/{{task_id}}/file", _add_own_file),
    ("GET POST", f"{_TP}/task/{{task_id}}/progress", _progress),
    ("POST", f"{_TP}/task/{{task_id}}/result",
        Endpoint(providers.result, Access.WORKER_OR_USER)),
    ("GET", f"{_TP}/queue_stats", Endpoint(task_processing.queue_stats, Access.LOGIN)),
    ("GET", f"{_TP}/tasks/{{task_id}}/queue_position",
        Endpoint(task_processing.queue_position, Access.LOGIN)),
    ("GET", f"{_TP}/tasks_consumer/tasktypes",
        Endpoint(task_processing.task_types, Access.WORKER)),
    ("POST", f"{_TP}/tasks_consumer/schedule", _order(task_processing.schedule, Access.WORKER)),
    ("GET", f"{_TP}/tasks_consumer/task/{{task_id}}",
        Endpoint(task_processing.show, Access.WORKER)),
    ("DELETE", f"{_TP}/tasks_consumer/task/{{task_id}}",
        Endpoint(task_processing.delete, Access.WORKER)),
    ("POST", f"{_TP}/tasks_consumer/tasks/{{task_id}}/cancel",
        Endpoint(task_processing.cancel, Access.WORKER)),
    ("GET", f"{_TP}/tasks_provider/next", Endpoint(providers.next_task, Access.WORKER)),
    ("GET", f"{_TP}/tasks_provider/next_batch", Endpoint(providers.next_batch, Access.WORKER)),
    ("POST", f"{_TP}/tasks_provider/{{task_id}}/progress",
        Endpoint(providers.progress, Access.WORKER)),
    ("POST", f"{_TP}/tasks_provider/{{task_id}}/result",
        Endpoint(providers.result, Access.WORKER)),
    ("POST", f"{_TP}/tasks_provider/{{task_id}}/stream-result",
        Endpoint(providers.stream_result, Access.WORKER)),
    ("POST", f"{_TP}/tasks_provider/{{task_id}}/file",
        Endpoint(providers.add_file, Access.WORKER, takes_file=True)),
    ("GET", f"{_TP}/tasks_provider/{{task_id}}/file/{{file_id}}",
        Endpoint(providers.read_file, Access.WORKER)),
    ("GET", f"{_TX}/tasktypes", Endpoint(text_processing.task_types, Access.PUBLIC)),
    ("POST", f"{_TX}/schedule",
        _order(text_processing.schedule, Access.USER, limit="text schedule")),
    ("GET POST", f"{_TX}/task/{{task_id}}", _text_task),
    ("DELETE", f"{_TX}/task/{{task_id}}", Endpoint(text_processing.TASKS.delete, Access.LOGIN)),
    ("GET", f"{_TX}/tasks/app/{{app_id}}",
        Endpoint(text_processing.TASKS.list_of_app, Access.LOGIN)),
    ("GET", f"{_TI}/is_available", Endpoint(text_to_image.is_available, Access.PUBLIC)),
    ("POST", f"{_TI}/schedule",
        _order(text_to_image.schedule, Access.USER, limit="image schedule")),
    ("GET POST", f"{_TI}/task/{{task_id}}", _image_task),
    ("DELETE", f"{_TI}/task/{{task_id}}", Endpoint(text_to_image.TASKS.delete, Access.LOGIN)),
    ("GET POST", f"{_TI}/task/{{task_id}}/image/{{index}}", _image),
    ("GET DELETE", f"{_TI}/tasks/app/{{app_id}}", _images),
    ("GET", "/cloud/capabilities", Endpoint(first_calls.capabilities, Access.PUBLIC)),
    ("GET", "/cloud/user", Endpoint(first_calls.user, Access.LOGIN)),
    ("GET", "/core/getapppassword", Endpoint(login.make_app_password, Access.LOGIN)),
    ("DELETE", "/core/apppassword", Endpoint(login.revoke_app_password, Access.LOGIN)),
    ("POST", "/apps/assistant/api/v1/input-file",
        Endpoint(files.upload_input, Access.LOGIN, takes_file=True)),
    ("GET", "/apps/assistant/api/v1/file/{file_id}/display",
        Endpoint(files.show_own, Access.LOGIN, is_linkable=True)),
    ("POST", f"{_APP_API}/api/v1/ai_provider/task_processing",
        Endpoint(app_api.register, Access.REGISTERED)),
    ("DELETE", f"{_APP_API}/api/v1/ai_provider/task_processing",
        Endpoint(app_api.unregister, Access.REGISTERED)),
    ("GET", f"{_APP_API}/api/v1/ai_provider/task_processing",
        Endpoint(app_api.show_provider, Access.REGISTERED)),
    ("GET", f"{_APP_API}/ex-app/state", Endpoint(app_api.state, Access.REGISTERED_OR_DISABLED)),
    ("PUT", f"{_APP_API}/ex-app/status", Endpoint(app_api.status, Access.REGISTERED_OR_DISABLED)),
    ("POST", f"{_APP_API}/api/v1/log", Endpoint(app_api.log, Access.REGISTERED)),
    ("GET", f"{_APP_API}/api/v1/users", Endpoint(app_api.users, Access.REGISTERED)),
)  # fmt: skip
"""Methods, path below `/ocs/v?.php`, endpoint. Documentation and server spell some paths
differently: both are here."""

_BY_PATH: Final[dict[str, dict[str, Endpoint]]] = {}
for _methods, _path, _endpoint in ENDPOINTS:
    _BY_PATH.setdefault(_path, {}).update(dict.fromkeys(_methods.split(), _endpoint))
_PATTERNS: Final = {
    path: re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)) for path in _BY_PATH
}
_WITHOUT_HEADER: Final = frozenset({Access.REGISTERED, Access.REGISTERED_OR_DISABLED})


def find_route(path: str) -> tuple[str, dict[str, str]]:
    """What `path` is an example of, and its parameters. Raises OcsError."""
    for route, pattern in _PATTERNS.items():
        match = pattern.fullmatch(path)
        if match is not None:
            return route, match.groupdict()
    raise no_such_route()


def endpoint_at(route: str, method: str) -> Endpoint:
    """Raises PlainError."""
    endpoint = _BY_PATH[route].get("GET" if method == "HEAD" else method)
    if endpoint is None:
        raise PlainError(405)
    return endpoint


def guard(api: Api, endpoint: Endpoint, caller: Caller, *, has_ocs_header: bool) -> None:
    """Raises OcsError or PlainError when this caller may not call the endpoint, or not so."""
    _check_access(api, endpoint.access, caller)
    is_exempt = caller.has_token or endpoint.is_linkable or endpoint.access in _WITHOUT_HEADER
    if not has_ocs_header and not is_exempt:
        raise PlainError(412, "CSRF check failed")
    if endpoint.limit:
        _count(api, endpoint.limit, caller)


def _check_access(api: Api, access: Access, caller: Caller) -> None:
    match access:
        case Access.PUBLIC:
            return
        case Access.USER:
            is_allowed = caller.account is not None or api.ocs.anonymous
        case Access.LOGIN:
            is_allowed = caller.account is not None
        case Access.WORKER_OR_USER:
            is_allowed = caller.account is not None or caller.is_worker
        case Access.WORKER:
            if not caller.is_worker:
                raise PlainError(412, "ExApp required")
            return
        case Access.REGISTERED | Access.REGISTERED_OR_DISABLED:
            is_disabled_ok = access is Access.REGISTERED_OR_DISABLED
            if not caller.is_worker and not (is_disabled_ok and caller.worker is not None):
                raise not_logged_in("AppAPI authentication failed")
            return
    if not is_allowed:
        raise not_logged_in()


def _count(api: Api, name: str, caller: Caller) -> None:
    """Workers are not counted, nor those whom the configuration exempts (`§4`)."""
    user_id = caller.user_id
    window = api.limits.get(f"{name} {'user' if user_id is not None else 'anonymous'}")
    exempt = api.ocs.rate_limit.exempt
    if window is None or caller.is_worker or caller.address in exempt or user_id in exempt:
        return
    wait = window.take(caller.address if user_id is None else user_id)
    if wait:
        seconds = str(max(1, ceil(wait))).encode()
        text = "Rate limit exceeded"
        raise refused(429, text, headers=((b"retry-after", seconds),))
