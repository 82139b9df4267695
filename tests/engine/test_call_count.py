"""What a run costs, counted in Python and C calls: no noise, so it can be a test (performance T12).

Real nodes of compiled files; the events are made, journalled in memory and read by nobody.
"""

import sys
from types import FrameType

import pytest

from benchmarks.workloads import chain, fan_out, no_op
from graphmill.dsl.load import load_workflow
from graphmill.engine.events import RunStatus
from graphmill.engine.plan import Plan
from graphmill.nodes.compile import compile_plan
from tests.engine.driving import Stage
from tests.nodes.running import NO_PORTS


async def calls_of_a_run(plan: Plan) -> int:
    await Stage(plan, {"q": "x"}).driver.drive()
    stage = Stage(plan, {"q": "x"})
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        if event in ("call", "c_call"):
            calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        await stage.driver.drive()
    finally:
        sys.setprofile(before)
    assert RunStatus.SUCCEEDED == (await stage.told()).status
    return calls


def compiled(text: str) -> Plan:
    workflow = load_workflow(text).workflow
    assert workflow is not None
    return compile_plan(workflow, NO_PORTS)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        pytest.param(no_op(), 250, id="W0: start and end"),
        pytest.param(chain(20), 3000, id="W1: a chain of 20 templates"),
    ],
)
async def test_a_run_stays_within_its_calls(text: str, most: int) -> None:
    assert await calls_of_a_run(compiled(text)) <= most


@pytest.mark.parametrize(
    ("few", "many"),
    [
        pytest.param(chain(20), chain(200), id="chain"),
        pytest.param(fan_out(10), fan_out(100), id="fan-out and join"),
    ],
)
async def test_the_calls_grow_with_the_nodes_and_not_faster(few: str, many: str) -> None:
    small, large = compiled(few), compiled(many)
    per_node = await calls_of_a_run(small) / len(small.steps)

    assert await calls_of_a_run(large) / len(large.steps) <= per_node
