"""What serves in `chunks.py`: graphmill with one node type more, which streams text out of nothing.

python benchmarks/chunk_server.py serve --config CONFIG --port PORT
"""

import asyncio
from typing import Final

from graphmill.cli.main import main
from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.nodes.base import NodeData, NodePorts, NodeType
from graphmill.nodes.registry import NODE_TYPES
from graphmill.wiring import runs


class ChunksData(NodeData):
    count: int
    at_once: int
    """So many chunks are made before others get a turn."""


class Chunks:
    def __init__(self, node_id: str, data: ChunksData, ports: NodePorts) -> None:
        self._data = data
        self._selector = (node_id, "text")

    async def run(self, context: NodeContext) -> Outcome:
        texts = [f"r:{number}:0 " for number in range(self._data.count)]
        for number, text in enumerate(texts, 1):
            await context.progress.text(self._selector, text)
            if number % self._data.at_once == 0:
                await asyncio.sleep(0)
        return Succeeded({"text": "".join(texts)})


CHUNKS: Final = NodeType("chunks", ChunksData, Chunks)

if __name__ == "__main__":
    runs.NODE_TYPES = {**NODE_TYPES, CHUNKS.name: CHUNKS}
    main()
