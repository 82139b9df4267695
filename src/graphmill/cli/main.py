"""The command line: what each command takes. What it does is in the module of its name, which is
imported when it is called, so that no command waits for what another one needs."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from graphmill import __version__
from graphmill.config import Settings, load_settings
from graphmill.config.storage import StorageKind
from graphmill.errors import GraphmillError, StoreError

DEFAULT_CONFIG: Final = Path("config.yaml")

app = typer.Typer(
    help="Run Dify workflow files outside Dify.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

sandbox_app = typer.Typer(
    help="What code nodes can use.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(sandbox_app, name="sandbox")
storage = typer.Typer(help="Where the bytes of files lie.", no_args_is_help=True)
app.add_typer(storage, name="storage")

knowledge = typer.Typer(help="What knowledge bases hold.", no_args_is_help=True)
app.add_typer(knowledge, name="knowledge")

user_app = typer.Typer(help="Users of Nextcloud's API.", no_args_is_help=True)
app.add_typer(user_app, name="user")

Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="The configuration; config.yaml in this folder, if there is one."),
]


class ReportFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


class PictureFormat(StrEnum):
    MERMAID = "mermaid"
    SVG = "svg"


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Instead of server.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of server.port.")] = None,
) -> None:
    """Serve the apps of the configuration over HTTP."""
    from graphmill.cli.serve import serve_apps

    serve_apps(_settings(config), host=host, port=port)


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="A workflow file.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "-i", "--input", metavar="NAME=VALUE", help="One input; a file by path or URL."
        ),
    ] = None,
    inputs_file: Annotated[
        Path | None, typer.Option("--inputs", help="Inputs as a JSON object in a file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outputs as JSON.")] = False,
    config: Config = None,
) -> None:
    """Run a workflow file once, without a server; exit 1 when the run failed."""
    from graphmill.cli.run import run_file

    raise typer.Exit(run_file(_settings(config), file, inputs or [], inputs_file, as_json=json))


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Workflow files.")],
    report: Annotated[ReportFormat, typer.Option("--format")] = ReportFormat.TEXT,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The configuration that says what packages, models, tools and datasets there are."
        ),
    ] = None,
) -> None:
    """Tell every problem of workflow files, with its place; exit 1 when there are errors."""
    from graphmill.cli.check import (
        check_files,
        importable_packages,
        served_datasets,
        served_models,
        served_tools,
    )

    # Not config.yaml by itself: where files are checked, its variables are often not set.
    settings = load_settings(config, environ=os.environ)
    status = check_files(
        files,
        report,
        typer.echo,
        packages=importable_packages(settings),
        has_model=None if config is None else served_models(settings),
        has_tools=None if config is None else served_tools(settings),
        has_dataset=None if config is None else served_datasets(settings),
    )
    raise typer.Exit(status)


@app.command()
def graph(
    file: Annotated[Path, typer.Argument(help="A workflow file.")],
    picture: Annotated[PictureFormat, typer.Option("--format")] = PictureFormat.MERMAID,
) -> None:
    """Draw a workflow."""
    from graphmill.cli.graph import draw

    typer.echo(draw(file, picture))


@app.command()
def doctor(config: Config = None) -> None:
    """Tell what works on this host; exit 1 when something that is needed does not."""
    from graphmill.cli.doctor import examine

    raise typer.Exit(examine(config or _default_config()))


@sandbox_app.command()
def install(
    names: Annotated[
        list[str], typer.Argument(help="Packages, as pip takes them: requests, pandas==2.3.3.")
    ],
    config: Config = None,
) -> None:
    """Install Python packages that code nodes may import."""
    from graphmill.cli.packages import install_packages

    raise typer.Exit(install_packages(_settings(config), names))


@app.command()
def prune(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell how much would be deleted.")
    ] = False,
    config: Config = None,
) -> None:
    """Delete what is older than `retention` allows."""
    from graphmill.cli.database import prune_all

    prune_all(_settings(config), dry_run=dry_run)


@app.command()
def migrate(config: Config = None) -> None:
    """Bring the schema of the database up to date; `serve` does it by itself."""
    from graphmill.cli.database import migrate_schema

    migrate_schema(_settings(config))


@storage.command()
def copy(to: Annotated[StorageKind, typer.Option(help="Where to.")], config: Config = None) -> None:
    """Copy all files from one file store to the other; what is there already is skipped."""
    from graphmill.cli.storage import copy_all

    raise typer.Exit(copy_all(_settings(config), to))


@knowledge.command("add")
def knowledge_add(
    name: Annotated[str, typer.Argument(help="A base of the configuration.")],
    files: Annotated[list[Path], typer.Argument(help="Documents: PDF, Word, Markdown and more.")],
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Said of all these documents; for filters."),
    ] = None,
    config: Config = None,
) -> None:
    """Take documents into a base; those of the same name are replaced, if they have changed."""
    from graphmill.cli.knowledge import add_files

    raise typer.Exit(add_files(_settings(config), name, files, metadata or []))


@knowledge.command("list")
def knowledge_list(
    name: Annotated[str | None, typer.Argument(help="Only this base.")] = None,
    config: Config = None,
) -> None:
    """Tell the documents of each base."""
    from graphmill.cli.knowledge import list_documents

    list_documents(_settings(config), name)


@knowledge.command("remove")
def knowledge_remove(
    name: Annotated[str, typer.Argument(help="A base.")],
    documents: Annotated[
        list[str] | None, typer.Argument(help="Documents, by their names in `list`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of its documents.")] = False,
    config: Config = None,
) -> None:
    """Take documents out of a base."""
    from graphmill.cli.knowledge import remove_documents

    raise typer.Exit(
        remove_documents(_settings(config), name, documents or [], everything=everything)
    )


@user_app.command("add")
def user_add(
    user_id: Annotated[str, typer.Argument(metavar="ID")],
    display_name: Annotated[str | None, typer.Option(help="How others see the user.")] = None,
    login: Annotated[
        list[str] | None, typer.Option(help="Another name to log in with, such as a mail address.")
    ] = None,
    app_password: Annotated[
        list[str] | None, typer.Option(help="Make an app password for the device of this name.")
    ] = None,
) -> None:
    """Print what the configuration needs for a new user of Nextcloud's API."""
    from graphmill.cli.user import add_user

    add_user(user_id, display_name=display_name, logins=login or [], devices=app_password or [])


@user_app.command("hash")
def user_hash() -> None:
    """Print the hash of a password or of a worker's secret."""
    from graphmill.cli.user import hash_secret

    hash_secret()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def graphmill(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run a command; what the user can mend is said in words, not as a traceback."""
    try:
        app()
    except StoreError as error:
        typer.echo(error.for_operator(), err=True)
        sys.exit(1)
    except (GraphmillError, OSError) as error:
        typer.echo(f"{error}", err=True)
        sys.exit(1)


def _settings(config: Path | None) -> Settings:
    return load_settings(config or _default_config(), environ=os.environ)


def _default_config() -> Path | None:
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None
