"""What strangers wrote: code, and documents that are read."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from graphmill.config import Settings
from graphmill.documents.reader import CHILD, TEXT_CHARACTERS, DocumentLimits, Documents
from graphmill.ports.files import FileVault
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.own_module import ModuleSandbox
from graphmill.sandbox.runner import Sandbox
from graphmill.wiring.outbound import open_client, service_rules


@asynccontextmanager
async def open_sandbox(
    settings: Settings, *, layers_off: Sequence[str] = ()
) -> AsyncIterator[Sandbox]:
    """Where code runs; it starts with the first call. `layers_off` as in `Sandbox`."""
    async with open_client(service_rules(settings.sandbox.remote.endpoint)) as http:
        sandbox = Sandbox(
            settings.sandbox, http, packages_dir=settings.packages_dir, layers_off=layers_off
        )
        try:
            yield sandbox
        finally:
            await sandbox.close()


@asynccontextmanager
async def open_documents(settings: Settings, files: FileVault) -> AsyncIterator[Documents]:
    """Where documents are read; its sandbox starts with the first."""
    limits = settings.documents
    largest = settings.limits.uploads_mb.document << 20
    sandbox = ModuleSandbox(
        settings.sandbox,
        CodeLimits(
            wall_seconds=limits.seconds,
            cpu_seconds=limits.seconds,
            memory_bytes=limits.memory_mb << 20,
            result_characters=TEXT_CHARACTERS,
            # Base64, and a little around it.
            input_bytes=largest * 4 // 3 + 4096,
            running=limits.concurrency,
        ),
        CHILD,
    )
    try:
        yield Documents(files, sandbox, DocumentLimits(largest, limits.concurrency))
    finally:
        await sandbox.close()
