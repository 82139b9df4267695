"""The engines of `peers/` behind Starlette on W1, for `http_load.py`; nothing is stored.

graphon reads the file once and makes an engine for each request; its `run` blocks, so that is done
in a thread.
"""

import functools
import importlib

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from bare import serving
from workloads import EXPECTED, document


def graphon() -> Starlette:
    importer = importlib.import_module("graphon.dsl.importer")
    peer = importlib.import_module("peers.graphon")
    importer.inspect = functools.cache(importer.inspect)
    text = document("W1", "")

    def run() -> None:
        peer.run(peer.engine(text), EXPECTED["W1"])

    return serving(functools.partial(run_in_threadpool, run))


def langgraph() -> Starlette:
    return serving(importlib.import_module("peers.langgraph").build("W1", "")(1))
