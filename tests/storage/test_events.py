"""What is stored of events is what they were."""

from typing import get_args

from graphmill.engine.events import (
    AgentLogged,
    ContainerFinished,
    ContainerStarted,
    Event,
    Execution,
    FormClosed,
    FramePosition,
    NodeFinished,
    NodePaused,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    ReasoningChunk,
    ResourcesRetrieved,
    RoundStarted,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStatus,
    TextChunk,
    VariableUpdated,
)
from graphmill.storage.entries import entry_of, entry_of_end, events_in
from graphmill.storage.events import sort_events
from graphmill.storage.packing import pack, unpack

PLACE = FramePosition("iteration", 3, None, None)
PLAIN = Execution("e-1", "t", "tool", "T", 1, None, 100.0)
SHOWN = Execution("e-2", "u", "tool", "U", 2, "t", 101.0, extras={"icon": "http://x/icon"})
INSIDE = Execution("e-3", "v", "loop", "V", 3, "u", 102.0, PLACE, path="loop/1")
FAILED = NodeStatus.FAILED

EVENTS: list[Event] = [
    RunStarted({"query": "q"}, 99.0),
    NodeStarted(PLAIN),
    NodeRetried(PLAIN, 1, "busy", {"i": 1}, {"p": 2}, {"o": 3}, 103.0),
    NodeFinished(SHOWN, FAILED, {"i": 1}, {}, {"o": 3}, None, "gone", "HTTPError", 104.0),
    NodeFinished(INSIDE, FAILED, {}, {}, {}, {}, None, "", 105.0, "case-1", "loop", ("text",)),
    TextChunk(("end", "text"), "Hello", PLACE),
    ReasoningChunk("t", "Hm", is_final=True, position=PLACE),
    AgentLogged("e-1", "t", "a-1", "Round 1", None, None, "start", {"d": 1}, {"m": 2}, PLACE),
    ResourcesRetrieved("t", [{"segment_id": "s"}]),
    ContainerStarted(INSIDE, {"items": [1]}, {"steps": 1}),
    RoundStarted(INSIDE, 1, ["before"], 106.0),
    ContainerFinished(INSIDE, FAILED, {"items": [1]}, {"output": []}, {}, 2, "late", 107.0),
    VariableUpdated(("conversation", "memory"), {"a": [1]}),
    NodePaused(SHOWN, {"form_id": "f"}),
    FormClosed("u", "U", "Please", "yes", "Yes", {"name": "x"}, 108.0),
    RunPaused([{"form_id": "f"}], ["u"], 1.5, 7, 3, 109.0),
    RunResumed(110.0),
    RunFinished(RunStatus.STOPPED, {"o": 1}, None, 2.5, 8, 4, 0, 111.0),
]


def test_every_event_is_kept_as_it_was():
    assert set(get_args(Event)) == {type(event) for event in EVENTS}
    numbered = list(enumerate(EVENTS))
    kept = sort_events(numbered, {})
    back = dict(events_in(unpack(pack(kept.nodes + kept.others))))
    assert dict(numbered) == back | dict(filter(None, [kept.started, kept.finished]))


def test_what_clients_are_shown_of_a_node_is_kept():
    events = [(1, NodeStarted(PLAIN)), (2, NodeStarted(SHOWN))]
    assert events == list(events_in(unpack(pack(sort_events(events, {}).others))))


def test_rows_from_before_a_field_was_added_stay_readable():
    old = entry_of_end(7, None, NodeFinished(PLAIN, FAILED, {}, {}, {}, None, None, "", 1.0))
    old_start = entry_of(8, NodeStarted(PLAIN))
    assert (12, 8) == (len(old), len(old_start[2]))
    [(_, end), (_, start)] = events_in([old, old_start])
    assert isinstance(end, NodeFinished)
    assert ("source", "", ()) == (end.handle, end.leaves, end.streamed)
    assert NodeStarted(PLAIN) == start
