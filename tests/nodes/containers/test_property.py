"""Random workflows with containers: they end with what a naive reading of the rules gives, whatever
runs beside what, and wherever the run is cut off."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphmill.engine.events import (
    ContainerFinished,
    ContainerStarted,
    Event,
    NodeFinished,
    NodeStarted,
    NodeStatus,
    RoundStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    TextChunk,
    VariableUpdated,
)
from tests.engine.driving import Stage
from tests.nodes.containers.histories import mark, stored
from tests.nodes.containers.sketches import Boom, Sketch, sketches


@pytest.fixture(autouse=True, scope="module")
def _short_turns() -> Iterator[None]:
    """Every step is a post, and so a place where the journal may end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphmill.engine.driver.TURN_SECONDS", -1)
        yield


def drive(stage: Stage, history: Sequence[Event] = ()) -> list[Event]:
    async def finish() -> list[Event]:
        async with asyncio.timeout(5):
            await stage.driver.drive(history)
        return list((await stage.told()).events)

    return asyncio.run(finish())


def check_end(sketch: Sketch, last: Event) -> None:
    assert isinstance(last, RunFinished)
    try:
        expected = sketch.outputs()
    except Boom:
        assert RunStatus.FAILED is last.status
    else:
        assert (expected, None) == (last.outputs, last.error)


def check_story(events: Sequence[Event]) -> None:
    """Every event has its place: ends after starts, each once, rounds inside their containers."""
    assert isinstance(events[0], RunStarted)
    last = events[-1]
    assert isinstance(last, RunFinished)
    running: set[tuple[str, str]] = set()
    seen: set[object] = set()
    rounds: dict[tuple[str, str], int] = {}
    """Open containers and their latest round."""
    for event in events[1:-1]:
        if not isinstance(event, VariableUpdated | TextChunk):
            assert mark(event) not in seen
            seen.add(mark(event))
        match event:
            case NodeStarted(execution):
                check_around(execution.path, rounds)
                running.add((execution.path, execution.node_id))
            case ContainerStarted(execution):
                assert (execution.path, execution.node_id) in running
                rounds[execution.path, execution.node_id] = 0
            case RoundStarted(execution, index):
                before = rounds[execution.path, execution.node_id]
                assert index in (before, before + 1)
                rounds[execution.path, execution.node_id] = index
            case ContainerFinished(execution):
                del rounds[execution.path, execution.node_id]
                assert not any(
                    path.startswith(f"{execution.path}/{execution.node_id}/") for path, _ in running
                )
            case NodeFinished(execution):
                check_around(execution.path, rounds)
                assert (execution.path, execution.node_id) not in rounds
                running.remove((execution.path, execution.node_id))
    if last.status is not RunStatus.FAILED:
        assert not running


def check_around(path: str, rounds: dict[tuple[str, str], int]) -> None:
    """The containers around that frame are open, and have come as far as that round."""
    while path:
        path, container, index = path.rsplit("/", 2)
        assert int(index) <= rounds[path, container]


@settings(max_examples=80, deadline=None)
@given(sketches())
def test_runs_give_what_the_rules_say_and_tell_a_story(sketch: Sketch) -> None:
    for is_parallel in (False, True):
        events = drive(Stage(sketch.plan(is_parallel=is_parallel), sketch.inputs))
        check_story(events)
        check_end(sketch, events[-1])


@settings(max_examples=80, deadline=None)
@given(sketches(), st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=3))
def test_runs_that_are_cut_off_and_go_on_end_like_any_other(
    sketch: Sketch, cuts: list[float]
) -> None:
    plan = sketch.plan()
    whole = begun = drive(stage := Stage(plan, sketch.inputs))
    events: list[Event] = []
    for epoch, cut in enumerate(cuts, 2):
        events += begun[: place(stage, len(begun), cut)]
        begun = drive(stage := Stage(plan, sketch.inputs, epoch=epoch), stored(events))
    events += begun

    check_story(events)
    check_end(sketch, events[-1])
    if events[-1].status is not RunStatus.FAILED:
        assert totals(whole) == totals(events)
        assert sorted(text(whole)) == sorted(text(events))
    if not any(fails_frame(event) for event in events):
        # What still begins in a frame in which a node failed is a matter of time.
        assert facts(whole) == facts(events)


def place(stage: Stage, count: int, cut: float) -> int:
    """One of the numbers of events that the journal had while the run went on."""
    lengths = [length for length in stage.journal.posts if length < count]
    return lengths[int(cut * len(lengths))] if lengths else 0


def facts(events: Sequence[Event]) -> Counter[object]:
    return Counter(mark(event) for event in events if not isinstance(event, TextChunk))


def text(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextChunk))


def fails_frame(event: Event) -> bool:
    return isinstance(event, NodeFinished) and event.status is NodeStatus.FAILED


def totals(events: Sequence[Event]) -> tuple[int, int, int]:
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last.total_steps, last.exceptions_count, last.total_tokens
