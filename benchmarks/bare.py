"""The yardstick of `http_load.py`: what Starlette and uvicorn need to parse a body and answer
Dify's shape."""

from collections.abc import Awaitable, Callable

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = {
    "task_id": "0d6f2f0e-6a53-4d0c-9c0a-3f1f6f0c1a11",
    "workflow_run_id": "5f0a9d3e-1b77-4f0e-8a52-9f6b0b6d2c22",
    "data": {
        "id": "5f0a9d3e-1b77-4f0e-8a52-9f6b0b6d2c22",
        "workflow_id": "c8b1a7d4-2e49-4c53-b0b5-6f6a5e0d3c33",
        "status": "succeeded",
        "outputs": {"out": "x"},
        "error": None,
        "elapsed_time": 0.001,
        "total_tokens": 0,
        "total_steps": 2,
        "created_at": 1760000000,
        "finished_at": 1760000000,
    },
}


def serving(work: Callable[[], Awaitable[None]]) -> Starlette:
    """An application that does `work` for each request and answers as if it had been a run."""

    async def run(request: Request) -> Response:
        body = orjson.loads(await request.body())
        if request.headers.get("authorization") != "Bearer app-bench" or "inputs" not in body:
            return Response(status_code=401)
        await work()
        return Response(orjson.dumps(ANSWER), media_type="application/json")

    return Starlette(routes=[Route("/v1/workflows/run", run, methods=["POST"])])


async def nothing() -> None:
    return


def app() -> Starlette:
    return serving(nothing)
