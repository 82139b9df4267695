"""What `serve` leaves until it is needed: what is not loaded costs neither time nor memory."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.workloads import no_op

LATER = (
    "aiohttp",
    "alembic",
    "argon2",
    "boto3",
    "httpx",
    "jinja2",
    "json_repair",
    "jsonschema",
    "mcp",
    "networkx",
    "numpy",
    "opentelemetry",
    "prometheus_client",
    "pypdfium2",
    "rich",
    "sqlalchemy.orm",
    "graphmill.nodes.agent.node",
    "graphmill.nodes.llm.node",
    "graphmill.nodes.tool.node",
)
STARTED = """
import asyncio, sys
import graphmill.cli.main
import graphmill.cli.serve
from pathlib import Path
from graphmill.config import load_settings
from graphmill.server import create_app
from graphmill.wiring.server import build

async def main():
    async with build(load_settings(Path(sys.argv[1]), environ={})) as services:
        create_app(services)
        print(*[name for name in sys.argv[2:] if name in sys.modules])

asyncio.run(main())
"""


def test_a_server_with_one_app_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    (tmp_path / "nothing.yml").write_text(no_op())
    config = tmp_path / "config.yaml"
    data_dir, apps = str(tmp_path / "data"), [{"workflow": "nothing.yml"}]
    config.write_text(json.dumps({"data_dir": data_dir, "apps": apps}))

    command = [sys.executable, "-c", STARTED, str(config), *LATER]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert ("", "") == (ended.stderr, ended.stdout.strip())
    assert [] == [name for name in LATER if find_spec(name) is None], "they are spelled like this"
