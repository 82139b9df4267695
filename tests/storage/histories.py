"""Hypothesis strategies: the events of a run, as an engine could emit them."""

from hypothesis import strategies as st

from graphmill.engine.events import (
    Event,
    Execution,
    FramePosition,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    RunFinished,
    RunStarted,
    RunStatus,
    TextChunk,
    VariableUpdated,
)
from graphmill.variables.files import File

texts = st.text(max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**40)
selectors = st.lists(texts, min_size=2, max_size=3).map(tuple)
optional = st.none() | texts

files = st.builds(
    File,
    type=st.sampled_from(["image", "document", "custom"]),
    transfer_method=st.sampled_from(["local_file", "remote_url", "tool_file"]),
    filename=optional,
    extension=optional,
    mime_type=optional,
    size=st.integers(-1, 2**40),
    related_id=optional,
    remote_url=optional,
    id=optional,
    url=optional,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**60, 2**80) | numbers | texts | files,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
mappings = st.dictionaries(texts, values, max_size=3)
positions = st.none() | st.builds(FramePosition, optional, st.none() | counts, optional)
executions = st.builds(
    Execution, texts, texts, texts, texts, counts, optional, numbers, position=positions
)
run_starts = st.builds(RunStarted, mappings, numbers)
run_ends = st.builds(
    RunFinished,
    st.sampled_from([status for status in RunStatus if status.is_final]),
    mappings,
    optional,
    numbers,
    counts,
    counts,
    counts,
    numbers,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A whole run: nodes start, are retried and end in any order, some never."""
    running: list[Execution] = []
    events: list[Event] = [draw(run_starts)]
    for number in range(draw(st.integers(0, 12))):
        choices = ["start", "text", "text", "variable", *(["retry", "end"] if running else [])]
        match draw(st.sampled_from(choices)):
            case "start":
                execution = draw(executions)
                execution.id = f"execution {number}"
                running.append(execution)
                events.append(NodeStarted(execution))
            case "text":
                events.append(draw(st.builds(TextChunk, selectors, texts, positions)))
                events += [draw(st.just(events[-1]))] * draw(st.integers(0, 3))
            case "variable":
                events.append(draw(st.builds(VariableUpdated, selectors, values)))
            case "retry":
                events.append(draw(_retries(draw(st.sampled_from(running)))))
            case "end":
                execution = running.pop(draw(st.integers(0, len(running) - 1)))
                events.append(draw(_ends(execution)))
    return [*events, draw(run_ends)]


def _retries(execution: Execution) -> st.SearchStrategy[NodeRetried]:
    return st.builds(
        NodeRetried, st.just(execution), counts, texts, mappings, mappings, mappings, numbers
    )


def _ends(execution: Execution) -> st.SearchStrategy[NodeFinished]:
    return st.builds(
        NodeFinished,
        st.just(execution),
        st.sampled_from(list(NodeStatus)),
        mappings,
        mappings,
        mappings,
        st.none() | mappings,
        optional,
        texts,
        numbers,
    )
