"""A client of the API that knows the apps under test by their slugs."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from graphmill.config import Settings

FOLDER = Path(__file__).parent
KIT = FOLDER.parent.parent / "conformance" / "apps"

WORKFLOWS = {
    "main": KIT / "api-main.yml",
    "other": KIT / "api-no-features.yml",
    "chat": KIT / "api-chat.yml",
    "features": KIT / "api-features.yml",
    "failing": KIT / "api-fail.yml",
    "partial": KIT / "api-partial.yml",
    "broken": KIT / "ifelse-invalid.yml",
    "unpublished": KIT / "api-unpublished.yml",
    "disabled": KIT / "api-disabled.yml",
    "failing-chat": KIT / "chat-fails.yml",
    "variables": KIT / "chat-convvars.yml",
    "moderated": KIT / "chat-moderation.yml",
    "outspoken": FOLDER / "workflows" / "outspoken.yml",
    "waiting-chat": FOLDER / "workflows" / "waiting_chat.yml",
    "talking": KIT / "chat-tts.yml",
    "mute": KIT / "api-speech-off.yml",
    "spoken": FOLDER / "workflows" / "spoken.yml",
    "talk": FOLDER / "workflows" / "talk.yml",
    "retrying": FOLDER / "workflows" / "retrying.yml",
    "waiting": FOLDER.parent.parent / "acceptance" / "workflows" / "waiting.yml",
}
USER = "abc-123"

Json = dict[str, Any]


def settings(data_dir: Path, **sections: Json) -> Settings:
    """The apps of `WORKFLOWS`, each with the key `app-<slug>`."""
    apps = [
        {
            "workflow": path,
            "slug": slug,
            "api_keys": [f"app-{slug}"],
            "published": slug != "unpublished",
            "api_enabled": slug != "disabled",
        }
        for slug, path in WORKFLOWS.items()
    ]
    allow = {"http_request": {"allow": ["127.0.0.0/8"]}}
    return Settings.model_validate({"data_dir": data_dir, "apps": apps, **allow, **sections})


class Api:
    """Requests with the keys of apps. Answers are `httpx.Response`s."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, *, app: str = "main", **options: Any) -> httpx.Response:
        return await self.http.get(f"/v1{path}", headers=_key(app), **options)

    async def post(
        self, path: str, content: object, *, app: str = "main", repeat_key: str | None = None
    ) -> httpx.Response:
        headers = {} if repeat_key is None else {"Idempotency-Key": repeat_key}
        return await self.http.post(f"/v1{path}", json=content, headers=_key(app) | headers)

    async def run(
        self,
        inputs: object,
        *,
        app: str = "main",
        user: object = USER,
        repeat_key: str | None = None,
        **members: object,
    ) -> httpx.Response:
        """One run, in blocking mode unless `members` say otherwise."""
        body = {"inputs": inputs, "response_mode": "blocking", "user": user, **members}
        return await self.post("/workflows/run", body, app=app, repeat_key=repeat_key)

    async def outputs(self, inputs: object, **members: object) -> Json:
        """What a run of the main app gives."""
        response = await self.run(inputs, **members)
        assert response.status_code == 200, response.text
        return dict(response.json()["data"]["outputs"])

    async def events(self, inputs: object, *, app: str = "main", **members: object) -> list[Json]:
        """All events of a run, in streaming mode."""
        response = await self.run(inputs, app=app, response_mode="streaming", **members)
        assert response.status_code == 200, response.text
        return list(events_of(response.text))

    @asynccontextmanager
    async def stream(
        self, inputs: object, *, app: str = "waiting", user: str = USER
    ) -> AsyncIterator[AsyncIterator[Json]]:
        """The events of a run as they come; needs a client of a served application."""
        body = {"inputs": inputs, "response_mode": "streaming", "user": user}
        async with self.http.stream(
            "POST", "/v1/workflows/run", json=body, headers=_key(app)
        ) as response:
            assert response.status_code == 200
            yield live_events(response)

    async def upload(
        self,
        name: str = "a.txt",
        content: bytes = b"hello",
        mime_type: str | None = "text/plain",
        *,
        app: str = "main",
        user: str | None = USER,
    ) -> httpx.Response:
        return await self.http.post(
            "/v1/files/upload",
            files={"file": (name, content, mime_type)},
            data={} if user is None else {"user": user},
            headers=_key(app),
        )


def events_of(text: str) -> Iterator[Json]:
    for line in text.split("\n"):
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def live_events(response: httpx.Response) -> AsyncIterator[Json]:
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error in Dify's envelope, which is checked on the way."""
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert {"code", "message", "status"} == body.keys() - {"params"}
    assert response.status_code == body["status"]
    return response.status_code, body["code"]


def _key(app: str) -> dict[str, str]:
    return {"Authorization": f"Bearer app-{app}"}
