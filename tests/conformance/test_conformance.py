"""What a real Dify answered, case by case, played against a server process (see README.md here).

Cases that need a part which is not built yet are listed in `not_built.toml`. Each of them must go
on failing until the part is there, so the list can only shrink.
"""

import json
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import conformance
from tests.server_process import free_port, running_server, running_stand_ins

HERE = Path(__file__).parent
ECHO_PORT = 9101  # the workflows of the kit name it
PLAYERS = 4
APP_STATES = {"API disabled": {"api_enabled": False}, "unpublished": {"published": False}}

Case = dict[str, Any]

CASES: list[Case] = conformance.load_cases(HERE / "cases")
NOT_BUILT: dict[str, str] = {
    name: reason
    for reason, names in tomllib.loads((HERE / "not_built.toml").read_text()).items()
    for name in names
}

# The first test waits for all cases of the session.
pytestmark = pytest.mark.timeout(900)


def server_config(model_port: int) -> dict[str, Any]:
    manifest = json.loads((HERE / "apps" / "manifest.json").read_text())
    apps = [
        {
            "workflow": str(HERE / "apps" / f"{slug}.yml"),
            "api_keys": [f"app-conf-{slug}"],
            **APP_STATES.get(state.get("state"), {}),
        }
        for slug, state in manifest.items()
    ]
    models = {
        "provider": "langgenius/openai/openai",
        "names": ["gpt-4o-mini", "gpt-3.5-turbo"],
        "kind": "openai",
        "base_url": f"http://127.0.0.1:{model_port}/v1",
        "api_key": "any",
        "context_size": 128000,
        "prices": {
            "gpt-4o-mini": {"input": 0.15, "output": 0.60},
            "gpt-3.5-turbo": {"input": 0.50, "output": 1.50},
        },
    }
    speech = {
        "kind": "openai",
        "base_url": f"http://127.0.0.1:{model_port}/v1",
        "api_key": "any",
    }
    return {
        "apps": apps,
        "http_request": {"allow": [f"127.0.0.1:{ECHO_PORT}"]},
        "models": [models],
        "speech": {"text_to_speech": speech, "speech_to_text": speech},
    }


@pytest.fixture(scope="session")
def differences(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Case name → where the server differs from the recording, for the cases wanted."""
    wanted: list[Case] = [
        item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_answers_like_dify
    ]
    model_port = free_port()
    with (
        running_stand_ins(echo=ECHO_PORT, model=model_port),
        running_server(server_config(model_port), tmp_path_factory.mktemp("conformance")) as server,
        ThreadPoolExecutor(PLAYERS) as players,
    ):
        suite = conformance.Suite(HERE / "cases", server.url)
        names = [case["name"] for case in wanted]
        return dict(zip(names, players.map(suite.play, wanted), strict=True))


def case_parameter(case: Case) -> Any:
    reason = NOT_BUILT.get(case["name"])
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(case, id=case["name"], marks=marks)


@pytest.mark.parametrize("case", [case_parameter(case) for case in CASES])
def test_answers_like_dify(case: Case, differences: dict[str, list[str]]) -> None:
    found = differences[case["name"]]
    if found and "optional" in case and case["name"] not in NOT_BUILT:
        pytest.skip(f"not as recorded, and need not be: {case['optional']}")
    assert not found, "\n".join(found)


def test_only_existing_cases_are_listed_as_not_built() -> None:
    assert set() == NOT_BUILT.keys() - {case["name"] for case in CASES}
