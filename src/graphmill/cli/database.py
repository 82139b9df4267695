"""`graphmill migrate` and `graphmill prune`: the database by hand; `serve` does both by itself."""

import asyncio

import typer

from graphmill.config import Settings
from graphmill.wiring.storage import open_storage


def migrate_schema(settings: Settings) -> None:
    """Opening a database brings it up to date. Raises ConfigInvalid or StoreError."""

    async def migrate() -> None:
        async with open_storage(settings):
            typer.echo(f"The database in {settings.data_dir} is up to date.")

    asyncio.run(migrate())


def prune_all(settings: Settings, *, dry_run: bool) -> None:
    """Delete what is older than `retention` allows, or only tell how much that is. Raises
    ConfigInvalid or StoreError."""

    async def prune() -> None:
        async with open_storage(settings) as storage:
            if dry_run:
                typer.echo(f"Would delete {await storage.pruner.count()}.")
            else:
                typer.echo(f"Deleted {await storage.pruner.prune()}.")

    asyncio.run(prune())
