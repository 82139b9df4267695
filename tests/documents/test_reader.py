"""Documents read where they belong: in the sandbox, behind its walls and within its limits."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from graphmill.config import Settings
from graphmill.documents.reader import CHILD, DocumentLimits, Documents
from graphmill.errors import DocumentUnreadable
from graphmill.sandbox.limits import CodeLimits
from graphmill.sandbox.own_module import ModuleSandbox
from graphmill.variables.files import File
from graphmill.wiring.sandbox import open_documents
from tests.documents import made
from tests.nodes.http_stand_ins import FilesInMemory
from tests.sandbox.test_fork_server import children_of, until, zygotes_of

LONG = made.pdf(10_000, 50)
"""Takes many seconds."""


@contextlib.asynccontextmanager
async def reading(
    contents: Mapping[str, bytes], **limits: int
) -> AsyncIterator[tuple[Documents, FilesInMemory]]:
    """Names stand for the ids of the files as well."""
    files = FilesInMemory(dict(contents))
    settings = Settings.model_validate({"documents": limits})
    async with open_documents(settings, files) as documents:
        yield documents, files


def named(name: str) -> File:
    return File("document", "local_file", name, f".{name.rpartition('.')[2]}", related_id=name)


def children() -> list[int]:
    """The processes that parse."""
    return [child for zygote in zygotes_of(os.getpid()) for child in children_of(zygote)]


async def test_every_type_can_be_read_behind_the_walls() -> None:
    samples = [path.name.removesuffix(".gz") for path in sorted(made.DATA.iterdir())]
    contents = {name: made.sample(name) for name in samples if name != "encrypted.pdf"}
    contents |= {
        "slides.pptx": made.slides(),
        "mail.msg": made.message(["Grüße"]),
        "mail.eml": b"Subject: s\nContent-Type: text/plain; charset=koi8-r\n\n\xf0",
        "a.txt": "Это русский текст в кодировке для проверки.".encode("cp1251"),
        "a.json": b"[1]",
        "a.yaml": b"a: 1",
        "a.csv": b"a,b",
        "a.properties": b"a=b",
    }
    async with reading(contents) as (documents, _):
        texts = {name: await documents.text_of(named(name)) for name in contents}
    assert "П" == texts["mail.eml"]
    assert "" not in texts.values()


def hostile() -> Iterator[Any]:
    large = "a" * (120 << 20)
    yield pytest.param(
        "bomb.docx",
        lambda: made.with_part("letter.docx", "word/document.xml", made.WORD % large),
        "takes too much memory (config documents.memory_mb)",
        id="zip bomb as docx",
    )
    yield pytest.param(
        "bomb.odt",
        lambda: made.with_part("letter.odt", "content.xml", made.OPEN_DOCUMENT % large),
        "takes too much memory",
        id="zip bomb as odt",
    )
    yield pytest.param(
        "sparse.xlsx",
        lambda: made.with_part("sheet.xlsx", "xl/worksheets/sheet1.xml", made.SPARSE_SHEET),
        "is broken, or needs more memory",
        id="a sheet with two cells far apart",
    )
    yield pytest.param(
        "long.pdf", lambda: LONG, "takes too long (config documents.seconds)", id="10,000 pages"
    )
    yield pytest.param(
        "long.txt", lambda: b"a" * 3_000_000, "more text than 2500000 characters", id="long text"
    )
    yield pytest.param(
        "large.txt", lambda: bytes(16 << 20), "Error downloading file: ", id="large file"
    )


async def test_hostile_documents_are_refused_and_the_next_one_is_read() -> None:
    cases = [case.values for case in hostile()]
    contents = {name: make() for name, make, _ in cases}
    async with reading({**contents, "a.txt": b"fine"}, seconds=1, memory_mb=256) as (documents, _):
        for name, _, reason in cases:
            started = time.monotonic()
            with pytest.raises(DocumentUnreadable) as refused:
                await documents.text_of(named(name))
            assert reason in str(refused.value)
            assert time.monotonic() - started < 5
            assert "fine" == await documents.text_of(named("a.txt"))


async def test_a_document_of_many_pages_is_read_in_time() -> None:
    async with reading({"pages.pdf": made.pdf(10_000)}) as (documents, _):
        text = await documents.text_of(named("pages.pdf"))
    assert 10_000 == text.count("one line of text")


async def test_cancelling_ends_the_process_that_parses() -> None:
    async with reading({"long.pdf": LONG, "a.txt": b"fine"}) as (documents, _):
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(documents.text_of(named("long.pdf")))
            await until(lambda: len(children()) == 1)
            call.cancel()
        await until(lambda: children() == [])
        assert "fine" == await documents.text_of(named("a.txt"))


async def test_those_that_wait_are_bounded_and_not_fetched() -> None:
    files = FilesInMemory({"long.pdf": LONG, "a.txt": b"fine"})
    sandbox = ModuleSandbox(Settings().sandbox, CodeLimits(memory_bytes=512 << 20), CHILD)
    documents = Documents(files, sandbox, DocumentLimits(16 << 20, running=1, waiting=1))
    try:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(documents.text_of(named("long.pdf")))
            await until(lambda: len(children()) == 1)
            second = tasks.create_task(documents.text_of(named("a.txt")))
            await asyncio.sleep(0)
            with pytest.raises(DocumentUnreadable, match="Too many documents wait"):
                await documents.text_of(named("a.txt"))
            files.contents["a.txt"] = b"changed"
            first.cancel()
            assert "changed" == await second
    finally:
        await sandbox.close()


async def test_what_cannot_be_fetched_is_said() -> None:
    async with reading({}) as (documents, _):
        with pytest.raises(DocumentUnreadable, match=r"^Error downloading file: no such file$"):
            await documents.text_of(named("a.txt"))


async def test_a_host_without_walls_reads_no_documents() -> None:
    files = FilesInMemory({"a.txt": b"fine"})
    sandbox = ModuleSandbox(Settings().sandbox, CodeLimits(), CHILD, layers_off=("seccomp",))
    documents = Documents(files, sandbox, DocumentLimits(1000, running=1))
    try:
        with pytest.raises(DocumentUnreadable, match="seccomp is not available on this host"):
            await documents.text_of(named("a.txt"))
    finally:
        await sandbox.close()
