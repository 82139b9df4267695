"""Turns of conversations: the same rows, however many commits their runs take."""

from collections.abc import Sequence
from typing import Any

import pytest

from graphmill.dsl.model import VariableDefinition
from graphmill.engine.events import (
    Event,
    Execution,
    NodeFinished,
    NodeStarted,
    NodeStatus,
    ResourcesRetrieved,
    RunStatus,
    TextChunk,
    VariableUpdated,
)
from graphmill.engine.fanout import Feed
from graphmill.engine.run import Replacement, Run, Turn
from graphmill.engine.usage import Usage, usage_object
from graphmill.ids import new_id
from graphmill.ports.conversations import PastTurn
from graphmill.storage.conversations import ConversationStore, Order
from graphmill.storage.database import Database
from graphmill.storage.end_users import EndUser
from graphmill.storage.journal import SqlJournal
from graphmill.storage.messages import Message, MessageStore
from graphmill.storage.runs import RunStore
from graphmill.variables.files import File
from tests.storage.records import CREATED_AT, finished, lose_orders, new_run, started

COUNT = VariableDefinition("count", "number", 0)
NOTES = VariableDefinition("notes", "array[string]", [])
PHOTO = File("image", "local_file", filename="a.png", related_id=new_id())


def new_turn(query: str = "hi", conversation_id: str | None = None, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "conversation_id": conversation_id or new_id(),
        "message_id": new_id(),
        "query": query,
        "number": 1,
        "title": query,
        "introduction": "Welcome",
        "variables": (COUNT, NOTES),
    }
    return new_run(
        turn=Turn(**values | changes.pop("turn", {})),
        created_at=changes.pop("at", CREATED_AT),
        **changes,
    )


def said(*texts: str) -> list[TextChunk]:
    return [TextChunk(("answer", "answer"), text) for text in texts]


def node(node_type: str, **parts: Any) -> NodeFinished:
    execution = Execution(new_id(), "n", node_type, "N", 1, None, CREATED_AT)
    outputs, process_data = parts.get("outputs", {}), parts.get("process_data", {})
    return NodeFinished(
        execution, NodeStatus.SUCCEEDED, {}, process_data, outputs, None, None, "", CREATED_AT
    )


async def store(database: Database, run: Run, *commits: Sequence[Event]) -> Message:
    """Write `run` in these commits; its message."""
    journal, feed = SqlJournal(database, clock=lambda: CREATED_AT), Feed(run.id)
    journal.open(run, feed)
    for events in commits:
        for event in events:
            feed.append(event)
        journal.post(feed)
        await journal.committed(feed)
    message = await MessageStore(database).find_by_run(run.id)
    assert message is not None
    return message


def user_of(run: Run) -> EndUser:
    return EndUser(run.end_user_id, run.app_id, run.user, CREATED_AT)


async def values_of(database: Database, run: Run) -> dict[str, Any]:
    assert run.turn is not None
    variables = await ConversationStore(database).variables(run.turn.conversation_id)
    return {variable.name: variable.value for variable in variables}


@pytest.mark.parametrize("commits", [1, 2, 99], ids=["one-commit", "two", "one-for-each-event"])
async def test_turn_is_stored_whatever_its_commits(database: Database, commits: int) -> None:
    run = new_turn(files=[PHOTO])
    usage = Usage(prompt_tokens=3, completion_tokens=4)
    events = [
        started(run),
        *said("Hel", "lo"),
        VariableUpdated(("conversation", "count"), 1),
        node("llm"),
        ResourcesRetrieved("kb", [{"position": 1}]),
        node("answer", outputs={"answer": "Hello", "files": [PHOTO]}),
        VariableUpdated(("conversation", "count"), 2),
        VariableUpdated(("loop", "count"), 9),
        finished(usage=usage),
    ]
    size = -(-len(events) // commits)
    groups = [events[i : i + size] for i in range(0, len(events), size)]
    message = await store(database, run, *groups)
    assert ("hi", "Hello", None) == (message.query, message.answer, message.error)
    assert {
        "annotation_reply": None,
        "retriever_resources": [{"position": 1}],
        "usage": usage_object(usage),
    } == message.metadata
    assert [("assistant", PHOTO), ("user", PHOTO)] == [
        (each.belongs_to, each.file) for each in message.files
    ]
    assert {"count": 2, "notes": []} == await values_of(database, run)


async def test_what_a_node_said_that_runs_again_counts_once(database: Database) -> None:
    run = new_turn()
    again = node("llm")
    start, piece = NodeStarted(again.execution), TextChunk(("n", "text"), "hel")
    await store(database, run, [started(run), *said("Well, "), start, piece])
    journal, feed = SqlJournal(database, clock=lambda: CREATED_AT), Feed(run.id, epoch=2)
    journal.open(run, feed, history=await journal.history(run.id))
    for event in (TextChunk(("n", "text"), "hello"), again, finished()):
        feed.append(event)
    journal.post(feed)
    await journal.committed(feed)
    message = await MessageStore(database).find_by_run(run.id)
    assert message is not None
    assert "Well, hello" == message.answer


async def test_failed_turn_keeps_what_was_said_and_why_it_failed(database: Database) -> None:
    run = new_turn()
    end = finished(RunStatus.FAILED, error="no model")
    message = await store(database, run, [started(run), *said("Well, ")], [end])
    assert ("Well, ", "no model") == (message.answer, message.error)


async def test_stopped_turn_is_no_error(database: Database) -> None:
    run = new_turn()
    end = finished(RunStatus.STOPPED, error="Stopped by user.")
    message = await store(database, run, [started(run), *said("Well, "), end])
    assert ("Well, ", None) == (message.answer, message.error)


async def test_answer_that_may_not_be_said_is_replaced(database: Database) -> None:
    rule = Replacement(frozenset({"secret"}), "No comment.")
    run = new_turn(turn={"moderation": rule})
    message = await store(database, run, [started(run), *said("my Sec", "ret"), finished()])
    assert "No comment." == message.answer


async def test_message_ends_with_its_run_also_when_nobody_recorded_that(database: Database) -> None:
    left, over, going = new_turn(), new_turn(), new_turn()
    await store(database, left, [started(left)])
    await store(database, over, [started(over), finished()])
    await lose_orders(database)
    await RunStore(database).fail_interrupted("restart")
    await store(database, going, [started(going)])
    messages = MessageStore(database)
    await messages.end_abandoned()
    found = [await messages.find_by_run(run.id) for run in (left, over, going)]
    assert ["restart", None, None] == [message and message.error for message in found]
    assert [True, True, False] == [bool(message and message.finished_at) for message in found]


async def test_later_turn_goes_on_with_the_values_of_the_earlier(database: Database) -> None:
    first = new_turn()
    assert first.turn is not None
    update = VariableUpdated(("conversation", "count"), 1)
    await store(database, first, [started(first), update, finished()])
    again = new_turn("more", first.turn.conversation_id, at=CREATED_AT + 1)
    await store(database, again, [started(again), finished()])
    assert {"count": 1, "notes": []} == await values_of(database, again)


async def test_variable_that_is_declared_anew_begins_anew(database: Database) -> None:
    first = new_turn()
    assert first.turn is not None
    await store(database, first, [started(first), finished()])
    text = VariableDefinition("count", "string", "none")
    again = new_turn("more", first.turn.conversation_id, turn={"variables": (text,)})
    await store(database, again, [started(again), finished()])
    assert {"count": "none", "notes": []} == await values_of(database, again)


async def test_deleted_conversation_does_not_come_back(database: Database) -> None:
    """When a turn of it is still going on."""
    run = new_turn()
    assert run.turn is not None
    conversations, journal, feed = ConversationStore(database), SqlJournal(database), Feed(run.id)
    journal.open(run, feed)
    for event in (started(run), VariableUpdated(("conversation", "count"), 1), finished()):
        feed.append(event)
        journal.post(feed)
        await journal.committed(feed)
        await conversations.delete(run.turn.conversation_id)
    assert await MessageStore(database).find_by_run(run.id) is None
    assert [] == await conversations.variables(run.turn.conversation_id)
    assert await conversations.find(user_of(run), run.turn.conversation_id) is None


async def test_memory_holds_the_last_answered_turns_before_this_one(database: Database) -> None:
    first = new_turn("one", files=[PHOTO])
    assert first.turn is not None
    talk = first.turn.conversation_id
    await store(database, first, [started(first), *said("1"), finished()])
    for number, (query, texts) in enumerate({"two": ["2"], "silent": [], "three": ["3"]}.items()):
        run = new_turn(query, talk, at=CREATED_AT + 1 + number)
        await store(database, run, [started(run), *said(*texts), finished()])
    stranger = new_turn("elsewhere")
    await store(database, stranger, [started(stranger), *said("x"), finished()])
    now = new_turn("now", talk, at=CREATED_AT + 9)
    await store(database, now, [started(now), *said("going on")])
    messages = MessageStore(database)
    one, two, three = PastTurn("one", "1", (PHOTO,)), PastTurn("two", "2"), PastTurn("three", "3")
    assert [one, two, three] == list(await messages.turns(now, limit=500))
    assert [two, three] == list(await messages.turns(now, limit=2))
    assert () == await messages.turns(new_run(), limit=2), "a run of a workflow remembers nothing"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.CREATED, ["a", "b", "c"]),
        (Order.CREATED_DESCENDING, ["c", "b", "a"]),
        (Order.UPDATED, ["b", "c", "a"]),
        (Order.UPDATED_DESCENDING, ["a", "c", "b"]),
    ],
)
async def test_conversations_are_listed_page_by_page_in_any_order(
    database: Database, order: Order, expected: list[str]
) -> None:
    ids = {}
    for number, name in enumerate("abc"):
        run = new_turn(name, at=CREATED_AT + number)
        assert run.turn is not None
        ids[name] = run.turn.conversation_id
        await store(database, run, [started(run), finished()])
    again = new_turn("again", ids["a"], at=CREATED_AT + 9)
    await store(database, again, [started(again), finished()])
    listed, user = ConversationStore(database), user_of(again)
    names, last = [], None
    while page := await listed.page(user, order=order, after=last, limit=1):
        [last] = page
        names.append(last.name)
    assert expected == names
