"""`graphmill serve`: the server process, from its socket to the end of its last run."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

import typer
import uvicorn

from graphmill import __version__
from graphmill.cli.examples import curl_line
from graphmill.cli.logs import configure_logs
from graphmill.config import Settings
from graphmill.dsl.model import AppMode
from graphmill.errors import ConfigInvalid
from graphmill.server import create_app, server_config
from graphmill.service.apps.catalog import App, Catalog
from graphmill.service.runs.runs import Runs
from graphmill.wiring.server import build

GRACE_SECONDS: Final = 4.0
"""How long runs may go on when the server is told to end; after that they are ended."""
_ALL_ADDRESSES: Final = frozenset({"0.0.0.0", "::"})
BACKLOG: Final = 2048
"""Connections that may wait to be accepted."""
DESCRIPTORS: Final = 65_536
"""That the process asks the system for."""
COLLECT_EVERY: Final = 20_000
"""Objects made and not freed between two looks of the garbage collector (Python's own: 700)."""


def serve_apps(settings: Settings, *, host: str | None, port: int | None) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises ConfigInvalid or StoreError when that cannot begin."""
    configure_logs(settings)
    server = settings.server
    host, port = host or server.host, server.port if port is None else port
    _raise_descriptors()
    with (
        _listening(host, port) as listener,
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        # Port 0 lets the system choose one; and nobody can call all addresses at once.
        place = {
            "host": "localhost" if host in _ALL_ADDRESSES else host,
            "port": listener.getsockname()[1],
        }
        settings = settings.model_copy(update={"server": server.model_copy(update=place)})
        runner.run(_serve(settings, listener))


def _raise_descriptors() -> None:
    """The system gives a process few descriptors unless it asks, mostly for the sake of old
    programs; each connection takes one."""
    if find_spec("resource") is None:
        return
    # Not there on Windows.
    import resource  # noqa: PLC0415

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    async with build(settings) as services:
        config = server_config(create_app(services), settings.server)
        _announce(settings.server.base_url, services.catalog)
        _settle_memory()
        await _Server(config, services.runs).serve(sockets=[listener])


def _settle_memory() -> None:
    """What is loaded by now stays, so the garbage collector is spared looking at it again.

    A third of the CPU of a busy server went there (`benchmarks/http_load.py`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 20, 50)


class _Server(uvicorn.Server):
    """Ends when it is told to; lets runs end first."""

    def __init__(self, config: uvicorn.Config, runs: Runs) -> None:
        super().__init__(config)
        self._runs = runs

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # At the same time: a connection ends when its run has ended, and its reader sees how.
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._runs.close(grace_seconds=GRACE_SECONDS))
            await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again, and would take the process away from `build`.
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, before anything else is done: a port that is taken shows at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigInvalid(
            f"Cannot listen at {host} port {port}: {error.strerror}. Is another server running? "
            "Choose another port with --port."
        ) from None
    with listener:
        yield listener


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    # Not installed on Windows.
    import uvloop  # noqa: PLC0415

    return uvloop.new_event_loop


def _announce(base_url: str, catalog: Catalog) -> None:
    """Tell the operator what can be called, and how."""
    lines = [f"graphmill {__version__} serves {base_url}/v1"]
    if not catalog.apps:
        lines.append("No apps: name workflow files under `apps` in config.yaml.")
    for app in catalog.apps:
        lines += ["", f"{app.info.name} ({app.slug})", *_lines_about(app, base_url, catalog)]
    typer.echo("\n".join(lines))


def _lines_about(app: App, base_url: str, catalog: Catalog) -> Iterator[str]:
    keys = catalog.keys(app)
    yield f"  keys: {', '.join(keys)}"
    if not app.api_enabled:
        yield "  its API is switched off"
    elif not app.published:
        yield "  not published"
    elif app.current is None:
        yield f"  cannot run; see: graphmill check {catalog.file_of(app)}"
    else:
        is_chat = app.info.mode is AppMode.ADVANCED_CHAT
        yield f"  {curl_line(base_url, keys[0], app.current.start_variables, is_chat=is_chat)}"
