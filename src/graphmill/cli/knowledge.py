"""`graphmill knowledge`: what the bases of this server hold."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from graphmill.config import Settings
from graphmill.config.knowledge import KnowledgeSettings
from graphmill.errors import ConfigInvalid, KnowledgeError, ModelError
from graphmill.ports.knowledge import Document
from graphmill.storage.knowledge import SqlKnowledge
from graphmill.variables.file_references import FileReference
from graphmill.variables.files import TransferMethod
from graphmill.wiring.knowledge import open_intake
from graphmill.wiring.storage import open_storage


def add_files(
    settings: Settings, name: str, paths: Sequence[Path], assignments: Sequence[str]
) -> int:
    """Take the files into the base `name`, each for itself, and say what became of it.

    The exit status: 1 when one of them could not be taken in. Raises ConfigInvalid or
    StoreError."""
    base = _base(settings, name)
    metadata = _metadata(assignments)
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise typer.BadParameter(f"There is no file {', '.join(missing)}.", param_hint="FILES")
    return asyncio.run(_add(settings, base, paths, metadata))


async def _add(
    settings: Settings,
    base: KnowledgeSettings,
    paths: Sequence[Path],
    metadata: Mapping[str, str],
) -> int:
    status = 0
    async with open_intake(settings, base) as (intake, files):
        for path in paths:
            reference = FileReference(TransferMethod.LOCAL_FILE, stored_id=files.add(path))
            content = await asyncio.to_thread(path.read_bytes)
            try:
                taken = await intake.add(
                    path.as_posix(), await files.find(reference), content, metadata
                )
            except (KnowledgeError, ModelError) as error:
                typer.echo(f"{path}: {error}", err=True)
                status = 1
            else:
                typer.echo(f"{path}: {taken}")
    return status


def list_documents(settings: Settings, name: str | None) -> None:
    """Raises ConfigInvalid or StoreError."""

    async def show() -> None:
        async with open_storage(settings) as storage:
            store = SqlKnowledge(storage.database)
            for base in await store.bases() if name is None else [name]:
                documents = await store.documents(base)
                segments = len(await store.numbers(base))
                typer.echo(f"{base}: {len(documents)} documents, {segments} segments")
                for document in documents:
                    typer.echo(f"  {document.name}{_shown(document)}")

    asyncio.run(show())


def remove_documents(
    settings: Settings, name: str, wanted: Sequence[str], *, everything: bool
) -> int:
    """The exit status: 1 when one of them is not there, and then nothing is removed. Raises
    ConfigInvalid or StoreError."""
    if bool(wanted) == everything:
        raise typer.BadParameter("Name documents, or say --all.", param_hint="DOCUMENTS")

    async def remove() -> int:
        async with open_storage(settings) as storage:
            store = SqlKnowledge(storage.database)
            known = {each.name: each.id for each in await store.documents(name)}
            missing = [each for each in wanted if each not in known]
            if missing:
                typer.echo(f"{name} has no document {', '.join(missing)}.", err=True)
                return 1
            names = list(known) if everything else list(dict.fromkeys(wanted))
            await store.remove([known[each] for each in names])
            typer.echo(f"Removed {len(names)} from {name}.")
            return 0

    return asyncio.run(remove())


def _base(settings: Settings, name: str) -> KnowledgeSettings:
    """The entry of config `knowledge` that is a base of that name. Raises ConfigInvalid."""
    for entry in settings.knowledge:
        if entry.kind == "local" and entry.name == name:
            return entry
    raise ConfigInvalid(
        f"config.yaml has no knowledge base {name!r}, so no workflow would find what is in it; add "
        f"to `knowledge`: {{dataset: ID, kind: local, name: {name}}}, with the id that the "
        "workflow file has under dataset_ids."
    )


def _metadata(assignments: Sequence[str]) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{assignment!r} is not KEY=VALUE.", param_hint="--metadata")
        metadata[key] = value
    return metadata


def _shown(document: Document) -> str:
    said = ", ".join(f"{key}={value}" for key, value in document.metadata.items())
    return f" ({said})" if said else ""
