"""The samples in `workflows/` on a server process, with `config.yaml` as far as it goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.server_process import ServerProcess, free_port, running_server, running_stand_ins

ROOT = Path(__file__).parent.parent.parent

Json = dict[str, Any]


@contextmanager
def serving_samples(
    directory: Path, more: Callable[[str], Json] = lambda url: {}
) -> Iterator[ServerProcess]:
    """On another port, which the samples are told, and with the model of the conformance kit, which
    says what a prompt tells it to. `more`: (base URL of that model) → further sections."""
    port, model = free_port(), free_port()
    url = f"http://127.0.0.1:{model}/v1"
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    apps = [
        {
            **app,
            "workflow": str(ROOT / app["workflow"]),
            "environment": {"server_url": f"http://127.0.0.1:{port}"},
        }
        for app in config["apps"]
    ]
    moved = {
        "apps": apps,
        "models": [{"provider": "*", "kind": "openai", "base_url": url, "api_key": "any"}],
        "http_request": {"allow": [f"127.0.0.1:{port}"]},
        "ocs": config["ocs"],
        **more(url),
    }
    with running_stand_ins(model=model), running_server(moved, directory, port=port) as running:
        yield running
