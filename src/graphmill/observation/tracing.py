"""Where traces begin: stand-ins around what takes time. Here they are nothing at all, and all is as
it was; `traces.Traces` puts something there."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from starlette.types import ASGIApp, Scope

from graphmill.engine.fanout import Feed
from graphmill.engine.run import Run
from graphmill.nodes.base import NodeType
from graphmill.ports.http import HttpClient
from graphmill.ports.models import Models


class Tracing:
    def requests(self, app: ASGIApp, route_of: Callable[[Scope], str]) -> ASGIApp:
        """To this server; `route_of` tells what the path of one that is over is an example of."""
        return app

    def run(self, run: Run, feed: Feed) -> AbstractAsyncContextManager[None]:
        """Around the driver of a run."""
        return nullcontext()

    def nodes(self, types: Mapping[str, NodeType]) -> Mapping[str, NodeType]:
        """Of which plans are made."""
        return types

    def models(self, models: Models) -> Models:
        """As nodes see them."""
        return models

    def http(self, client: HttpClient) -> HttpClient:
        """What nodes, tools and searches of knowledge fetch with."""
        return client

    def calls(self, client: HttpClient) -> HttpClient:
        """What models are called with: within what is traced already."""
        return client


UNTRACED: Final = Tracing()
