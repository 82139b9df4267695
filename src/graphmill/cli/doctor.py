"""`graphmill doctor`: what works on this host, and what this version cannot do yet."""

import asyncio
import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import typer

from graphmill import __version__
from graphmill.config import Settings, load_settings
from graphmill.config.apps import AppSettings
from graphmill.errors import (
    CodeFailed,
    CodeUnavailable,
    ConfigInvalid,
    TemplateFailed,
    WorkflowInvalid,
)
from graphmill.models.demo import missing_packages
from graphmill.nodes.base import NodePorts
from graphmill.nodes.registry import NODE_TYPES
from graphmill.outbound.guard import OutboundRules
from graphmill.ports.code import Standing
from graphmill.sandbox.packages import requested_modules
from graphmill.sandbox.templates import InlineTemplates
from graphmill.service.apps.reading import content_of, environment_of, read_workflow
from graphmill.speech import espeak
from graphmill.storage.database import FILE_NAME
from graphmill.wiring.bench import build_bench
from graphmill.wiring.sandbox import open_sandbox

NOT_BUILT: Final = {
    "Postgres": "SQLite only",
    "cluster": "one process only",
}
"""What the configuration can name and this version cannot do."""


class Mark(StrEnum):
    GOOD = "ok"
    ODD = "odd"
    """Worth a look; everything needed works."""
    BAD = "BAD"
    ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Mark
    subject: str
    text: str


def examine(config: Path | None) -> int:
    """Write a line for everything that was looked at. The exit status: 1 when something is bad."""
    status = 0
    for finding in _findings(config):
        typer.echo(f"{finding.mark:<4} {finding.subject:<14} {finding.text}")
        if finding.mark is Mark.BAD:
            status = 1
    return status


def _findings(config: Path | None) -> Iterator[Finding]:
    yield Finding(Mark.GOOD, "graphmill", __version__)
    yield Finding(
        Mark.GOOD, "Python", f"{platform.python_version()} on {platform.platform(terse=True)}"
    )
    yield _speed()
    try:
        settings = load_settings(config, environ=os.environ)
    except ConfigInvalid as error:
        yield Finding(Mark.BAD, "configuration", str(error))
        return
    yield Finding(Mark.GOOD, "configuration", str(config or "none: the defaults"))
    yield _data_folder(settings.data_dir)
    yield _database(settings.data_dir / FILE_NAME)
    yield _templates()
    guard = _guard(settings)
    yield guard
    yield asyncio.run(_code(settings))
    if not settings.sandbox.python_is_remote:
        yield _packages(settings)
    yield _models(settings)
    yield _speech(settings)
    if guard.mark is not Mark.BAD:
        yield from asyncio.run(_apps(settings))
    yield Finding(Mark.GOOD, "node types", ", ".join(sorted(NODE_TYPES)))
    for subject, text in NOT_BUILT.items():
        yield Finding(Mark.ABSENT, subject, text)


def _speed() -> Finding:
    missing = [name for name in ("uvloop", "httptools") if find_spec(name) is None]
    if missing:
        return Finding(Mark.ODD, "event loop", f"without {' and '.join(missing)}: slower")
    return Finding(Mark.GOOD, "event loop", "uvloop, httptools")


def _data_folder(folder: Path) -> Finding:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(Mark.BAD, "data folder", f"{folder} cannot be written: {error.strerror}")
    return Finding(Mark.GOOD, "data folder", str(folder))


def _database(path: Path) -> Finding:
    version = f"SQLite {sqlite3.sqlite_version}"
    if not path.exists():
        return Finding(Mark.GOOD, "database", f"{version}; {path} comes with the first start")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return Finding(Mark.BAD, "database", f"{version}; {path}: {error}")
    if verdict != "ok":
        return Finding(Mark.BAD, "database", f"{path} is damaged: {verdict}; restore a backup")
    return Finding(Mark.GOOD, "database", f"{version}; {path} is sound")


def _templates() -> Finding:
    try:
        text = (
            InlineTemplates()
            .compile("{% if word %}{{ word | upper }}{% endif %}")
            .render({"word": "works"})
        )
    except TemplateFailed as error:
        return Finding(Mark.BAD, "templates", str(error))
    return Finding(Mark.GOOD, "templates", f"Jinja2 {text.lower()}")


def _guard(settings: Settings) -> Finding:
    try:
        rules = OutboundRules.parse(settings.http_request.allow)
    except ValueError as error:
        return Finding(Mark.BAD, "http_request", f"allow: {error}")
    if rules.permits("metadata", 80, ip_address("169.254.169.254")):
        return Finding(Mark.ODD, "http_request", "allow opens the cloud's metadata service")
    opened = ", ".join(settings.http_request.allow)
    return Finding(
        Mark.GOOD,
        "http_request",
        f"public addresses{f', and {opened}' if opened else ' only'}",
    )


async def _code(settings: Settings) -> Finding:
    """Whether code nodes can run, and what stands between their code and this host."""
    async with open_sandbox(settings) as sandbox:
        try:
            result = await sandbox.run("python3", "def main():\n    return {'sum': 1 + 1}", {})
        except (CodeUnavailable, CodeFailed) as error:
            return Finding(Mark.ODD, "code", str(error))
        standing = sandbox.standing()
    if result.value != {"sum": 2}:
        return Finding(Mark.BAD, "code", f"1 + 1 gives {result.value!r} in the sandbox")
    return _standing(standing, settings.sandbox.remote.endpoint or "")


def _standing(standing: Standing, endpoint: str) -> Finding:
    if standing.python == "remote":
        return Finding(Mark.GOOD, "code", f"dify-sandbox at {endpoint}")
    if standing.python == "monty":
        why = f": {standing.reason}" if standing.reason else ""
        return Finding(Mark.ODD, "code", f"pydantic-monty, a part of Python{why}")
    if standing.isolation == "none":
        return Finding(Mark.ODD, "code", "runs without walls: sandbox.allow_unsandboxed")
    text = f"own sandbox, isolation {standing.isolation} ({', '.join(standing.layers)})"
    return Finding(Mark.GOOD, "code", f"{text}; {standing.reason}" if standing.reason else text)


def _packages(settings: Settings) -> Finding:
    modules = requested_modules(settings.packages_dir)
    names = ", ".join(modules) or "none besides the standard library"
    return Finding(Mark.GOOD, "code packages", f"{names} ({settings.packages_dir})")


def _models(settings: Settings) -> Finding:
    if not settings.models:
        return Finding(
            Mark.ABSENT, "models", "none: nodes that ask a model fail; see docs/models.md"
        )
    entries = [f"{entry.provider} from {entry.base_url or entry.kind}" for entry in settings.models]
    if any(entry.kind == "demo" for entry in settings.models) and missing_packages():
        hint = f"the demo model needs {' and '.join(missing_packages())}: make demo"
        return Finding(Mark.ODD, "models", f"{', '.join(entries)}; {hint}")
    return Finding(Mark.GOOD, "models", ", ".join(entries))


def _speech(settings: Settings) -> Finding:
    spoken, written = settings.speech.text_to_speech, settings.speech.speech_to_text
    heard = "no speech to text" if written is None else f"speech to text by {written.model}"
    if spoken.kind == "espeak" and espeak.missing_packages():
        return Finding(
            Mark.ABSENT,
            "speech",
            f"no text to speech without {' and '.join(espeak.missing_packages())}; {heard}",
        )
    return Finding(Mark.GOOD, "speech", f"text to speech by {spoken.model or spoken.kind}; {heard}")


async def _apps(settings: Settings) -> list[Finding]:
    """Whether the file of each app can run."""
    async with build_bench(settings) as bench:
        return [_app(app, bench.ports) for app in settings.apps]


def _app(app: AppSettings, ports: NodePorts) -> Finding:
    try:
        problems = read_workflow(
            content_of(app.workflow), ports, environment=environment_of(app)
        ).problems
    except WorkflowInvalid as error:
        problems = error.problems
    subject = f"app {app.slug}"
    if problems:
        return Finding(Mark.BAD, subject, f"cannot run; see: graphmill check {app.workflow}")
    return Finding(Mark.GOOD, subject, str(app.workflow))
