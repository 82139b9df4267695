"""`graphmill migrate` and `graphmill prune`: the database by hand; `serve` does both by itself."""

import asyncio

import typer

from graphmill.config import Settings
from graphmill.wiring import open_storage


def migrate_schema(settings: Settings) -> None:
    """Opening a database brings it up to date. Raises ConfigInvalid or StoreError."""

    async def migrate() -> None:
        async with open_storage(settings):
            typer.echo(f"The database in {settings.data_dir} is up to date.")

    asyncio.run(migrate())


def prune_all(settings: Settings) -> None:
    """Delete what is older than `retention` allows. Raises ConfigInvalid or StoreError."""

    async def prune() -> None:
        async with open_storage(settings) as storage:
            pruned = await storage.prune()
        typer.echo(
            f"Deleted {pruned.runs} runs, {pruned.events} rows of events, {pruned.files} files "
            f"and {pruned.tasks} tasks."
        )

    asyncio.run(prune())
