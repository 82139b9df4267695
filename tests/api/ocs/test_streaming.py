"""What a model has said so far is seen while the task runs (`nextcloud-ocs §9.3`)."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from graphmill.config import Settings
from graphmill.server import create_app
from graphmill.service.secrets import fingerprint_of
from graphmill.wiring.server import build
from tests.api.ocs.client import TP, Ocs, until
from tests.server_process import free_port, running_stand_ins

PROMPT = Path(__file__).parents[3] / "workflows" / "nextcloud" / "prompt.yml"
REPLY = "one two three"


def settings(folder: Path, model_port: int) -> Settings:
    return Settings.model_validate(
        {
            "data_dir": folder,
            "apps": [{"workflow": PROMPT}],
            "models": [
                {
                    "provider": "*",
                    "kind": "openai",
                    "base_url": f"http://127.0.0.1:{model_port}/v1",
                    "api_key": "x",
                }
            ],
            "ocs": {
                "users": [{"id": "alice", "password_hash": fingerprint_of("alice-pw")}],
                "task_types": {"core:text2text": {"workflow": "prompt"}},
            },
        }
    )


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_partial_output_is_shown_if_wanted(tmp_path: Path, is_wanted: bool) -> None:
    port = free_port()
    with running_stand_ins(model=port):
        async with build(settings(tmp_path, port)) as services:
            transport = httpx.ASGITransport(create_app(services))
            async with httpx.AsyncClient(transport=transport, base_url="http://s") as http:
                ocs = Ocs(http, services)
                values = {"input": f"<<REPLY:{REPLY}>><<DELAY:0.2>>"}
                more = {"preferStreaming": is_wanted}
                task_id = await ocs.sched("core:text2text", values, **more)
                seen = await outputs(ocs, task_id)
    partial = [text for text in seen[:-1] if text is not None]
    assert all(REPLY.startswith(text) for text in partial)
    assert is_wanted is bool(partial)
    assert REPLY == seen[-1]


async def outputs(ocs: Ocs, task_id: int) -> list[Any]:
    """What was seen of the output until the task had ended; last the whole."""
    seen: list[Any] = []

    async def look() -> bool | None:
        task = (await ocs.get(f"{TP}/task/{task_id}")).task
        seen.append((task["output"] or {}).get("output"))
        return True if task["endedAt"] else None

    await until(look)
    return seen
