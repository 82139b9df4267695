"""A single run on the spot, without database and server: what `graphmill run` works on."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from graphmill.dsl.model import AppMode, Workflow
from graphmill.engine.driver import RunLimits
from graphmill.engine.fanout import EPOCH_SHIFT, Feed
from graphmill.engine.plan import Plan
from graphmill.engine.run import Run, Turn
from graphmill.ids import app_id_of, end_user_id_of, new_id, workflow_id_of
from graphmill.nodes.base import NodePorts
from graphmill.nodes.start import start_variables
from graphmill.ports.runs import Journal, NumberedEvent
from graphmill.service.files.loose import LooseFiles
from graphmill.service.forms.loose import LooseForms
from graphmill.service.runs.dispatcher import Dispatcher
from graphmill.service.runs.inputs import read_inputs
from graphmill.variables.inputs import StartVariable, VariableType
from graphmill.variables.values import Value

USER: Final = "terminal"
QUERY: Final = "query"
"""The input that a chatflow is asked with."""


def bench_variables(workflow: Workflow) -> tuple[StartVariable, ...]:
    """What a run on the bench takes: the form, and for a chatflow the question."""
    form = start_variables(workflow)
    if not _is_chat(workflow) or any(variable.name == QUERY for variable in form):
        return form
    return (*form, StartVariable(QUERY, VariableType.PARAGRAPH, required=True))


def _is_chat(workflow: Workflow) -> bool:
    return workflow.app.mode is AppMode.ADVANCED_CHAT


def _turn(workflow: Workflow, values: dict[str, Value]) -> Turn:
    """The first of a conversation that nobody keeps."""
    return Turn(
        conversation_id=new_id(),
        message_id=new_id(),
        query=str(values[QUERY]),
        number=1,
        title="",
        introduction="",
        variables=workflow.conversation,
    )


class Bench:
    """`ports` is what workflows are to be compiled with, `files` what their inputs may name."""

    def __init__(
        self, ports: NodePorts, files: LooseFiles, journal: Journal, *, limits: RunLimits
    ) -> None:
        self.forms = LooseForms()
        self.ports = replace(ports, forms=self.forms)
        self.files = files
        self._ordered: dict[str, tuple[Run, Plan]] = {}
        self._journal = journal
        self._dispatcher = Dispatcher(journal, limits=limits)

    async def start(
        self, slug: str, content: bytes, workflow: Workflow, plan: Plan, inputs: Mapping[str, Any]
    ) -> Feed:
        """Raises InvalidParameter when `inputs` do not fit the start variables."""
        values = await read_inputs(bench_variables(workflow), inputs, self.files.find)
        app_id = app_id_of(slug)
        run = Run(
            id=new_id(),
            task_id=new_id(),
            app_id=app_id,
            workflow_id=workflow_id_of(app_id, content.decode("utf-8-sig")),
            version="",
            sequence_number=1,
            end_user_id=end_user_id_of(app_id, USER),
            user=USER,
            inputs=values,
            created_at=time.time(),
            turn=_turn(workflow, values) if _is_chat(workflow) else None,
        )
        self._ordered[run.id] = (run, plan)
        feed = Feed(run.id)
        self._dispatcher.submit(run, plan, feed)
        return feed

    async def go_on(self, feed: Feed) -> Feed:
        """Go on with a run that has paused."""
        run, plan = self._ordered[feed.run_id]
        history = await self._journal.history(run.id)
        later = Feed(run.id, epoch=(history[-1][0] >> EPOCH_SHIFT) + 1)
        self._dispatcher.submit(run, plan, later, history=[event for _, event in history])
        return later

    def follow(self, feed: Feed) -> AsyncIterator[list[NumberedEvent]]:
        """The events of the run in batches, until it has ended or paused."""
        history = partial(self._journal.history, feed.run_id)
        return feed.follow(lambda position: history(after=position))

    def stop(self, feed: Feed) -> None:
        self._dispatcher.stop(feed.run_id)

    async def close(self) -> None:
        await self._dispatcher.close()
