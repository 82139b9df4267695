"""A server without HTTP: real storage in a temporary folder, and workflow files beside it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from graphmill.config import Settings
from graphmill.engine.events import RunFinished
from graphmill.service.apps.catalog import App
from graphmill.service.runs.runs import LiveRun
from graphmill.service.services import Services
from graphmill.storage.end_users import EndUser
from graphmill.storage.uploads import Upload
from graphmill.wiring.server import build
from tests.dsl.files import edges, node, page, workflow_text

USER = "somebody"

Variable = Mapping[str, Any]

TEXT: Variable = {"variable": "q", "label": "Q", "type": "text-input", "required": True}
URL: Variable = {"variable": "url", "label": "URL", "type": "text-input", "required": True}


def echo(*variables: Variable, output: str = "out", **workflow: Any) -> str:
    """A file whose runs hand their first input back, under the name `output`."""
    variables = variables or (TEXT,)
    start = node("start", "start", title="Start", variables=[dict(each) for each in variables])
    source = ["start", variables[0]["variable"]]
    end = node("end", "end", title="End", outputs=[{"variable": output, "value_selector": source}])
    return workflow_text([start, end], edges("start>end"), **workflow)


def waiting(output: str = "body") -> str:
    """A file whose runs wait for the page at the input `url`."""
    start = node("start", "start", title="Start", variables=[dict(URL)])
    fetch = page("page", "{{#start.url#}}")
    outputs = [{"variable": output, "value_selector": ["page", "body"]}]
    end = node("end", "end", title="End", outputs=outputs)
    return workflow_text([start, fetch, end], edges("start>page", "page>end"))


def settings(folder: Path, *apps: Mapping[str, Any], **sections: Any) -> Settings:
    """Each app needs no more than its `workflow`, a file in `folder`."""
    return Settings.model_validate(
        {
            "data_dir": folder / "data",
            "apps": [dict(app) for app in apps],
            "http_request": {"allow": ["127.0.0.0/8"]},
            **sections,
        },
        context={"folder": folder},
    )


@asynccontextmanager
async def opened(
    folder: Path, *apps: Mapping[str, Any], **sections: Any
) -> AsyncIterator[Services]:
    """A server with these apps; without any, with the file `echo.yml`, which is made."""
    if not apps:
        (folder / "echo.yml").write_text(echo())
        apps = ({"workflow": "echo.yml"},)
    async with build(settings(folder, *apps, **sections)) as services:
        yield services


def app_of(services: Services, slug: str = "echo") -> App:
    """The app as it is now."""
    return next(app for app in services.catalog.apps if app.slug == slug)


async def start(
    services: Services, inputs: Mapping[str, Any], *, slug: str = "echo", user: str = USER
) -> LiveRun:
    """A run of the current version."""
    app = app_of(services, slug)
    return await services.runs.start(
        app,
        app.published_version(),
        inputs=inputs,
        files=(),
        user=await services.end_users.ensure(app.id, user),
    )


async def run(services: Services, inputs: Mapping[str, Any], *, slug: str = "echo") -> RunFinished:
    return await (await start(services, inputs, slug=slug)).feed.finished()


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def save(
    services: Services, name: str, *chunks: bytes, mime_type: str = "text/plain"
) -> Upload:
    """An upload of `USER`."""
    app = app_of(services)

    async def owner() -> EndUser:
        return await services.end_users.ensure(app.id, USER)

    return await services.uploads.save(
        name=name, mime_type=mime_type, chunks=pieces(*chunks), owner=owner
    )
