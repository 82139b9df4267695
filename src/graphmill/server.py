"""The HTTP application, and how uvicorn serves it.

What it offers is built in `wiring`; whoever starts the server opens and closes that.
"""

import asyncio
from functools import partial
from importlib.util import find_spec
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from graphmill import __version__
from graphmill.api.dify.errors import routing_answer
from graphmill.api.dify.routes import routes
from graphmill.api.metrics import counting
from graphmill.api.middleware import ResponseHeaders
from graphmill.api.ocs.application import NextcloudPaths, OcsApplication
from graphmill.api.watch import Told, Watch, log_access, paths_of, route_of
from graphmill.config.server import ServerSettings
from graphmill.service.services import Services

ENVIRONMENT: Final = "PRODUCTION"
"""The `X-Env` of a Dify that serves customers."""
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than clients and balancers keep idle connections: then none is closed under a request."""
SHUTDOWN_SECONDS: Final = 10
"""How long open answers may go on when the server is told to end."""


def create_app(services: Services) -> Starlette:
    headers = Middleware(
        ResponseHeaders,
        version=__version__,
        environment=ENVIRONMENT,
        cors_origins=services.settings.server.cors_origins,
    )
    all_routes = routes(services)
    paths = paths_of(all_routes)
    told: list[Told] = []
    if services.settings.metrics.token is not None:
        told.append(counting(services.metrics))
    if services.settings.logs.access:
        told.append(log_access)
    app = Starlette(
        routes=all_routes,
        middleware=[
            Middleware(services.tracing.requests, partial(route_of, paths)),
            Middleware(Watch, paths, told),
            headers,
            Middleware(
                NextcloudPaths,
                ocs=OcsApplication(services),
                base_path=services.settings.ocs.base_path,
            ),
        ],
        exception_handlers={HTTPException: routing_answer},
    )
    # `/v1/info/` is no alias of `/v1/info` (service-api §1).
    app.router.redirect_slashes = False
    return app


def server_config(app: Starlette, settings: ServerSettings) -> uvicorn.Config:
    """Without what is not used: access log, WebSockets, lifespan."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=_http_protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        server_header=False,
        limit_concurrency=connections_at_a_time(),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def connections_at_a_time() -> int | None:
    """As many as the system has descriptors for, without those that runs and the database need.
    More are answered with 503; None: the system does not say."""
    if find_spec("resource") is None:
        return None
    # Not there on Windows.
    import resource  # noqa: PLC0415

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)


def _http_protocol() -> type[asyncio.Protocol] | str:
    if find_spec("httptools") is None:
        # h11, slower, limits heads by itself.
        return "h11"
    # Not installed on Windows.
    from graphmill.api.heads import LimitedHeads  # noqa: PLC0415

    return LimitedHeads
