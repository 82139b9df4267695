"""A run of a loaded workflow parses and compiles nothing (performance T11)."""

import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from benchmarks.workloads import chain, ladder
from graphmill.dsl.load import load_workflow
from graphmill.engine.events import RunStatus
from graphmill.engine.plan import Plan
from graphmill.nodes.compile import compile_plan
from tests.engine.driving import Stage
from tests.nodes.running import NO_PORTS

PARSERS = (
    "yaml", "graphmill.dsl", "pydantic", "re.", "jinja2.lexer", "jinja2.parser", "jinja2.compiler",
)  # fmt: skip
COMPILERS = (builtins.compile, builtins.exec, builtins.eval)


@contextmanager
def parsing() -> Iterator[set[str]]:
    """The modules that parse or compile meanwhile."""
    seen: set[str] = set()

    def look(frame: FrameType, event: str, argument: object) -> None:
        module = frame.f_globals.get("__name__", "")
        parses = event == "call" and f"{module}.".startswith(PARSERS)
        compiles = event == "c_call" and argument in COMPILERS
        if parses or compiles:
            seen.add(module)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(before)


def compiled(text: str) -> Plan:
    workflow = load_workflow(text).workflow
    assert workflow is not None
    return compile_plan(workflow, NO_PORTS)


JINJA = chain(3).replace("{{ x }}.", "{% if x %}{{ x | upper }}{% endif %}.")


def test_loading_parses_and_compiles() -> None:
    with parsing() as seen:
        compiled(JINJA)

    assert {"yaml.cyaml", "graphmill.dsl.load", "jinja2.parser", "jinja2.compiler"} <= seen


@pytest.mark.parametrize(
    "text", [pytest.param(JINJA, id="templates"), pytest.param(ladder(3), id="conditions")]
)
async def test_the_first_run_of_a_loaded_workflow_does_not(text: str) -> None:
    stage = Stage(compiled(text), {"q": "x"})

    with parsing() as seen:
        await stage.driver.drive()

    assert RunStatus.SUCCEEDED == (await stage.told()).status
    assert set() == seen
