"""Records runs until it is killed; tells the id of each on its output once it is committed."""

import asyncio
import sys
from pathlib import Path

from graphmill.engine.events import Execution, NodeFinished, NodeStarted, NodeStatus, TextChunk
from graphmill.engine.fanout import Feed
from graphmill.storage.database import open_database
from graphmill.storage.journal import SqlJournal
from tests.storage.records import CREATED_AT, finished, new_run, started

CONCURRENT_RUNS = 8


async def write_runs(journal: SqlJournal) -> None:
    while True:
        run = new_run(inputs={"q": "x" * 2000})
        feed = Feed(run.id)
        journal.open(run, feed)
        execution = Execution("e", "n", "llm", "LLM", 1, None, CREATED_AT)
        end = NodeFinished(
            execution, NodeStatus.SUCCEEDED, {}, {}, {"text": "Hello"}, None, None, "", CREATED_AT
        )
        chunks = [TextChunk(("n", "text"), text) for text in ("Hel", "lo")]
        for event in (started(run), NodeStarted(execution), *chunks, end, finished()):
            feed.append(event)
            journal.post(feed)
            await asyncio.sleep(0)
        await journal.committed(feed)
        sys.stdout.write(f"{run.id}\n")
        sys.stdout.flush()


async def main(data_dir: Path) -> None:
    async with open_database(None, data_dir) as database, asyncio.TaskGroup() as tasks:
        journal = SqlJournal(database)
        for _ in range(CONCURRENT_RUNS):
            tasks.create_task(write_runs(journal))


asyncio.run(main(Path(sys.argv[1])))
