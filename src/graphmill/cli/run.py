"""`graphmill run`: one run on the terminal, with its progress as it happens."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.live import Live

from graphmill.cli.board import Board
from graphmill.cli.form import fill_in
from graphmill.cli.inputs import collect_inputs
from graphmill.config import Settings
from graphmill.dsl.problems import format_text
from graphmill.engine.events import RunFinished, RunPaused, RunStatus
from graphmill.engine.fanout import Feed
from graphmill.errors import WorkflowInvalid
from graphmill.jsontext import encode
from graphmill.service.apps.reading import content_of, environment_of, read_workflow
from graphmill.service.bench import Bench, bench_variables
from graphmill.variables.files import File
from graphmill.variables.values import Value, render_text
from graphmill.wiring.bench import build_bench

EXIT_STATUS: Final = {
    RunStatus.SUCCEEDED: 0,
    RunStatus.PARTIAL_SUCCEEDED: 0,
    RunStatus.STOPPED: 130,
}
"""Any other end is a failure: 1."""


def run_file(
    settings: Settings,
    path: Path,
    assignments: Sequence[str],
    inputs_path: Path | None,
    *,
    as_json: bool,
) -> int:
    """Run the workflow at `path` to its end: progress on stderr, outputs on stdout.

    The exit status. Raises GraphmillError for what keeps the run from starting."""
    return asyncio.run(_run(settings, path, assignments, inputs_path, as_json=as_json))


async def _run(
    settings: Settings,
    path: Path,
    assignments: Sequence[str],
    inputs_path: Path | None,
    *,
    as_json: bool,
) -> int:
    async with build_bench(settings) as bench:
        try:
            content = content_of(path)
            environment = _environment(settings, path)
            workflow, plan = read_workflow(content, bench.ports, environment=environment).compiled()
        except WorkflowInvalid as error:
            for problem in error.problems:
                typer.echo(format_text(str(path), problem), err=True)
            return 1
        inputs = collect_inputs(bench_variables(workflow), assignments, inputs_path, bench.files)
        feed = await bench.start(path.stem, content, workflow, plan, inputs)
        while isinstance(end := await _watch(bench, feed), RunPaused):
            try:
                for kept in bench.forms.waiting():
                    bench.forms.fill_in(kept, await fill_in(kept.form, bench.files))
            except EOFError:
                typer.echo("paused: nobody filled in the form.", err=True)
                return 1
            feed = await bench.go_on(feed)
    typer.echo(_as_json(end.outputs) if as_json else _as_text(end.outputs), nl=False)
    if end.error is not None:
        typer.echo(f"{end.status}: {end.error}", err=True)
    return EXIT_STATUS.get(end.status, 1)


async def _watch(bench: Bench, feed: Feed) -> RunFinished | RunPaused:
    """Draw the run until it has ended or waits for a person; Ctrl-C stops it."""
    board = Board()
    # Windows has no signal handlers on the loop: there, Ctrl-C ends the program.
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, bench.stop, feed)
    with Live(board, console=Console(stderr=True)):
        async for batch in bench.follow(feed):
            for _, event in batch:
                board.take(event)
    return await feed.finished()


def _environment(settings: Settings, path: Path) -> Mapping[str, str]:
    """What the configuration says about an app with this file."""
    for app in settings.apps:
        if app.workflow.resolve() == path.resolve():
            return environment_of(app)
    return {}


def _as_json(outputs: Mapping[str, Value]) -> str:
    return encode(outputs, default=_file_as_json).decode() + "\n"


def _as_text(outputs: Mapping[str, Value]) -> str:
    return "".join(f"{name}: {_shown(value)}\n" for name, value in outputs.items())


def _shown(value: Value) -> str:
    """Files by where they are; whatever else as prompts would have it."""
    items = value if isinstance(value, list) else [value]
    places = [item.address or "" for item in items if isinstance(item, File)]
    return " ".join(places) or render_text(value)


def _file_as_json(value: object) -> object:
    assert isinstance(value, File), "outputs hold JSON values and files"
    return {**value.to_mapping(), "url": value.address}
