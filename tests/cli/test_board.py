"""The picture of a run on the terminal."""

import io

from rich.console import Console

from graphmill.cli.board import SHOWN_TEXT, Board
from graphmill.engine.events import (
    Event,
    Execution,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    RunFinished,
    RunStatus,
    TextChunk,
)

WORK = Execution("1", "fetch", "http-request", "Fetch it", 1, None, 100.0)


def finished(status: NodeStatus, error: str | None = None) -> NodeFinished:
    return NodeFinished(WORK, status, {}, {}, {}, None, error, "", 102.5)


def retried(error: str) -> NodeRetried:
    return NodeRetried(WORK, 2, error, {}, {}, {}, 101.0)


def ended() -> RunFinished:
    return RunFinished(RunStatus.STOPPED, {}, "Stopped by user.", 3.0, 0, 1, 0, 103.0)


def drawn(*events: Event) -> list[str]:
    """The lines of the board after these events."""
    board, screen = Board(), io.StringIO()
    for event in events:
        board.take(event)
    Console(file=screen, width=200).print(board)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_finished_node_shows_how_long_it_took() -> None:
    [line] = drawn(NodeStarted(WORK), finished(NodeStatus.SUCCEEDED))
    assert "✓ Fetch it http-request 2.50 s" == line


def test_failed_node_shows_why() -> None:
    [line] = drawn(NodeStarted(WORK), finished(NodeStatus.FAILED, "no answer"))
    assert "✗ Fetch it http-request 2.50 s no answer" == line


def test_handled_failure_has_its_own_mark() -> None:
    [line] = drawn(NodeStarted(WORK), finished(NodeStatus.EXCEPTION, "no answer"))
    assert line.startswith("! Fetch it")


def test_retries_are_counted_and_their_reason_goes_when_one_succeeds() -> None:
    [line] = drawn(NodeStarted(WORK), retried("no answer"))
    assert line.endswith("retry 2 · no answer")
    [line] = drawn(NodeStarted(WORK), retried("no answer"), finished(NodeStatus.SUCCEEDED))
    assert line.endswith("2.50 s retry 2")


def test_node_at_work_when_the_run_ended_is_marked() -> None:
    [line] = drawn(NodeStarted(WORK), ended())
    assert "– Fetch it http-request 3.00 s" == line


def test_text_is_shown_while_it_streams() -> None:
    chunks = [TextChunk(("end", "answer"), text) for text in ("Hel", "lo")]
    assert "Hello" == drawn(NodeStarted(WORK), *chunks)[-1]
    assert 1 == len(drawn(NodeStarted(WORK), *chunks, ended()))


def test_of_a_long_text_the_end_stays_in_view() -> None:
    lines = drawn(TextChunk(("end", "answer"), "x" * 5000), TextChunk(("end", "answer"), "end"))
    text = "".join(lines)
    assert (SHOWN_TEXT, True) == (len(text), text.endswith("xend"))
