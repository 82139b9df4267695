"""What nobody asked for is not there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphmill.nodes.registry import NODE_TYPES
from graphmill.observation.tracing import Tracing
from graphmill.outbound.client import OutboundClient
from graphmill.outbound.guard import OutboundRules

MODULES = ("prometheus_client", "opentelemetry", "graphmill.observation.traces")
LOADED = """
import asyncio, sys
from graphmill.config import Settings
from graphmill.server import create_app
from graphmill.wiring.server import build

async def main():
    async with build(Settings.model_validate_json(sys.argv[1])) as services:
        create_app(services)
        print(*[name for name in sys.argv[2:] if name in sys.modules])

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("sections", "modules"),
    [
        pytest.param({}, [], id="nothing"),
        # Whoever reads them loads the rest.
        pytest.param({"metrics": {"token": "t"}}, [], id="metrics"),
        pytest.param({"traces": {"endpoint": "http://127.0.0.1:9"}}, MODULES[1:], id="traces"),
    ],
)
def test_what_is_off_is_not_loaded(
    tmp_path: Path, sections: dict[str, Any], modules: list[str]
) -> None:
    settings = json.dumps({"data_dir": str(tmp_path), **sections})
    command = [sys.executable, "-c", LOADED, settings, *MODULES]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert list(modules) == ended.stdout.split()


def test_nothing_stands_in_between_when_nothing_is_traced() -> None:
    tracing, client = Tracing(), OutboundClient(OutboundRules())
    assert [client, client] == [tracing.http(client), tracing.calls(client)]
    assert NODE_TYPES is tracing.nodes(NODE_TYPES)
