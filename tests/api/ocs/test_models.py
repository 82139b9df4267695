"""Types whose workflows ask models are offered where the model is configured."""

from pathlib import Path

import httpx
import pytest
import yaml

from graphmill.config import Settings, load_settings
from graphmill.server import create_app
from graphmill.wiring import build

ROOT = Path(__file__).parents[3]
TYPES = "/ocs/v2.php/taskprocessing/tasktypes?format=json"
LOGIN = {"auth": ("demo", "demo"), "headers": {"OCS-APIRequest": "true"}}


def settings(folder: Path, *, has_models: bool) -> Settings:
    """The samples' configuration, with its data elsewhere."""
    text = yaml.safe_load((ROOT / "config.yaml").read_text())
    for app in text["apps"]:
        app["workflow"] = str(ROOT / app["workflow"])
    text["data_dir"] = str(folder / "data")
    text["models"] = [{"provider": "*", "kind": "openai", "api_key": "x"}] if has_models else []
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(text))
    return load_settings(path, environ={})


@pytest.mark.parametrize("has_models", [True, False])
async def test_samples_are_bound_to_types(tmp_path: Path, has_models: bool) -> None:
    async with build(settings(tmp_path, has_models=has_models)) as services:
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
            listed = (await http.get(TYPES, **LOGIN)).json()["ocs"]["data"]["types"]
    bound = set(services.settings.ocs.task_types) if has_models else set()
    assert bound | {"app:greeting"} == set(listed)
