"""What is stored of events is what they were."""

from graphmill.engine.events import Execution, NodeStarted
from graphmill.storage.events import events_in, pack, sort_events, unpack


def test_what_clients_are_shown_of_a_node_is_kept():
    plain = Execution("e-1", "t", "tool", "T", 1, None, 100.0)
    shown = Execution("e-2", "u", "tool", "U", 2, "t", 101.0, extras={"icon": "http://x/icon"})
    events = [(1, NodeStarted(plain)), (2, NodeStarted(shown))]
    assert events == list(events_in(unpack(pack(sort_events(events, {}).others))))
