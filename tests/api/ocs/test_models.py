"""Types whose workflows ask models and call tools are offered where those are configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from graphmill.config import Settings, load_settings
from graphmill.server import create_app
from graphmill.speech import espeak
from graphmill.wiring.server import build

ROOT = Path(__file__).parents[3]


NEITHER_MODEL_NOR_SERVICE = {"core:text2speech"}
"""The voice is built in."""
MODEL = {"models": [{"provider": "*", "kind": "openai", "api_key": "x"}]}
EARS = {"speech": {"speech_to_text": {"api_key": "x"}}}
PAINTER = {
    "tools": [{"provider": "dalle", "kind": "images", "model": {"provider": "openai", "name": "x"}}]
}


def settings(folder: Path, changes: dict[str, Any]) -> Settings:
    """The samples' configuration with other models and tools, its data elsewhere."""
    text = yaml.safe_load((ROOT / "config.yaml").read_text())
    for app in text["apps"]:
        app["workflow"] = str(ROOT / app["workflow"])
    text["data_dir"] = str(folder / "data")
    text |= {"models": [], **changes}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(text))
    return load_settings(path, environ={})


@asynccontextmanager
async def offering(folder: Path, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with build(settings(folder, changes)) as services:
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://server/ocs/v2.php",
            params={"format": "json"},
            auth=("demo", "demo"),
            headers={"OCS-APIRequest": "true"},
        ) as http:
            yield http


def bound() -> set[str]:
    """All types that the samples are bound to."""
    return set(yaml.safe_load((ROOT / "config.yaml").read_text())["ocs"]["task_types"])


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        pytest.param({}, bound() - NEITHER_MODEL_NOR_SERVICE, id="nothing"),
        pytest.param(MODEL, {"core:audio2text", "core:text2image"}, id="a model"),
        pytest.param({**MODEL, **EARS}, {"core:text2image"}, id="and who listens"),
        pytest.param({**MODEL, **PAINTER}, {"core:audio2text"}, id="and who draws"),
        pytest.param({**MODEL, **EARS, **PAINTER}, set(), id="everything"),
    ],
)
async def test_samples_are_bound_to_types(
    tmp_path: Path, changes: dict[str, Any], missing: set[str]
) -> None:
    async with offering(tmp_path, **changes) as http:
        listed = (await http.get("/taskprocessing/tasktypes")).json()["ocs"]["data"]["types"]
    assert (bound() - missing) | {"app:greeting"} == set(listed)


async def test_without_the_extra_nothing_is_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(espeak, "_PACKAGES", {"not_there": "not-there"})
    async with offering(tmp_path, **MODEL) as http:
        listed = (await http.get("/taskprocessing/tasktypes")).json()["ocs"]["data"]["types"]
    assert "core:text2speech" not in listed


@pytest.mark.parametrize("task_type", ["core:audio2text", "core:text2image"])
async def test_what_is_not_offered_answers_412(tmp_path: Path, task_type: str) -> None:
    order = {"type": task_type, "appId": "test", "input": {"input": "a cat", "numberOfImages": 1}}
    async with offering(tmp_path, **MODEL) as http:
        assert 412 == (await http.post("/taskprocessing/schedule", json=order)).status_code
