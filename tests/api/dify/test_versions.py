"""An earlier version of an app stays runnable (`service-api §29`, row 127)."""

from pathlib import Path

import httpx

from graphmill.config import Settings
from graphmill.server import create_app
from graphmill.wiring.server import build
from tests.api.dify.client import Api, Json

FILE = """
app: {{name: Versioned, mode: workflow}}
kind: app
version: 0.5.0
workflow:
  graph:
    nodes:
      - {{id: start, data: {{type: start, title: Start, variables: []}}}}
      - id: end
        data:
          type: end
          title: End
          outputs: [{{variable: {name}, value_selector: [sys, user_id], value_type: string}}]
    edges: [{{source: start, target: end, sourceHandle: source}}]
"""


async def answer(settings: Settings, path: str) -> Json:
    """What a server that is started for this run answers."""
    async with build(settings) as services:
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
            body = {"inputs": {}, "user": "u"}
            response = await Api(http).post(path, body, app="versioned")
            return dict(response.json()["data"])


async def test_earlier_version_runs_its_own_graph(tmp_path: Path) -> None:
    file = tmp_path / "versioned.yml"
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "apps": [{"workflow": file, "api_keys": ["app-versioned"]}]}
    )
    file.write_text(FILE.format(name="old"))
    old = await answer(settings, "/workflows/run")
    file.write_text(FILE.format(name="new"))
    new = await answer(settings, "/workflows/run")
    again = await answer(settings, f"/workflows/{old['workflow_id']}/run")
    assert ({"old": "u"}, {"new": "u"}, {"old": "u"}) == (
        old["outputs"],
        new["outputs"],
        again["outputs"],
    )
    assert old["workflow_id"] == again["workflow_id"] != new["workflow_id"]
