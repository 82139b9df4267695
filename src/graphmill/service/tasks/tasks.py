"""Tasks as callers see them: schedule, look up, cancel, delete; and for workers: fetch, report
(`nextcloud-ocs §8, §9, §11`). A task belongs to the server, not to its caller."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphmill.errors import (
    InvalidParameter,
    StoreError,
    TaskNotFound,
    TaskNotWaiting,
    TaskTypeUnavailable,
    TaskTypeUnknown,
)
from graphmill.service.runs.inputs import read_inputs
from graphmill.service.tasks.conversion import run_inputs
from graphmill.service.tasks.files import TaskFiles, owner_named, owner_of
from graphmill.service.tasks.lifecycle import Lifecycle
from graphmill.service.tasks.offers import Offer, WorkerBacking, WorkflowBacking
from graphmill.service.tasks.outgoing import Outgoing
from graphmill.service.tasks.runner import TaskRunner
from graphmill.service.tasks.task_types import TaskTypes
from graphmill.service.tasks.validation import Values, check_input, check_output
from graphmill.storage.ocs_tasks import (
    NewTask,
    Task,
    TaskApi,
    TaskQuery,
    TaskStatus,
    TaskStore,
)
from graphmill.storage.uploads import Upload

MAX_NAME: Final = 255
"""Characters of what clients name themselves and their tasks."""
MAX_URI: Final = 4000
MAX_METHOD: Final = 64
LEASE_SECONDS: Final = 600.0
"""How long a worker may say nothing of a task, if not ten times as long as it was to take."""
LEASE_CHECK_SECONDS: Final = 60.0
LOST: Final = "The program that worked on this task gave no sign of life. Try again."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks for, as it came out of the request."""

    api: TaskApi
    type: str
    app_id: str
    input: dict[str, Any]
    user_id: str | None
    custom_id: str = ""
    may_use_ai: bool = True
    webhook_uri: str | None = None
    webhook_method: str | None = None
    include_watermark: bool = True
    prefer_streaming: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a worker reports; both None: nothing yet."""

    output: Values | None = None
    error: str | None = None
    user_facing_error: str | None = None


class Tasks:
    """Call `recover` once the apps are loaded."""

    def __init__(
        self,
        types: TaskTypes,
        store: TaskStore,
        lifecycle: Lifecycle,
        runner: TaskRunner,
        files: TaskFiles,
        outgoing: Outgoing,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.types = types
        self.files = files
        self._store = store
        self._lifecycle = lifecycle
        self._runner = runner
        self._outgoing = outgoing
        self._clock = clock

    async def recover(self) -> None:
        """Go on with what an earlier process left behind; tasks of workers wait for those."""
        for task in await self._store.unfinished():
            offer = self.types.find(task.type)
            is_ours = offer is not None and isinstance(offer.backing, WorkflowBacking)
            if task.run_id is not None or (task.status is TaskStatus.SCHEDULED and is_ours):
                self._runner.submit(task.id)

    async def schedule(self, order: Order) -> Task:
        """Check an order (`§8.1`) and store the task, which is executed from now on.

        Raises TaskTypeUnknown, TaskTypeUnavailable, InvalidParameter, TaskFileDenied, TooManyRuns
        or StoreError."""
        offer = self._offer(order)
        self._check_lengths(order)
        values = check_input(offer.type, order.input)
        await self.files.check_input(offer.type, values, order.user_id)
        if isinstance(offer.backing, WorkflowBacking):
            await self._check_form(offer, offer.backing, values, order.user_id)
            self._runner.require_room()
        task = await self._store.add(
            NewTask(
                order.api,
                order.type,
                order.user_id,
                order.app_id,
                order.custom_id,
                self._clock(),
                offer.expected_seconds,
                values,
                include_watermark=order.include_watermark,
                prefer_streaming=order.prefer_streaming,
                webhook_uri=order.webhook_uri,
                webhook_method=order.webhook_method,
            )
        )
        if isinstance(offer.backing, WorkerBacking):
            await self._wake(task.type, offer.backing)
        else:
            self._runner.submit(task.id)
        return task

    async def wait(self, task: Task, *, seconds: float) -> Task:
        """As it is when its run has ended, or when so much time is over."""
        await self._runner.wait(task.id, seconds=seconds)
        return await self._store.get(task.id) or task

    async def get(self, api: TaskApi, task_id: int, user_id: str | None) -> Task:
        """A user's own task. Raises TaskNotFound."""
        task = await self._store.get(task_id)
        if task is None or (task.api, task.user_id) != (api, user_id):
            raise TaskNotFound("Task not found")
        return self._runner.now(task)

    async def get_any(self, task_id: int) -> Task:
        """For workers, who see the tasks of all users. Raises TaskNotFound."""
        task = await self._store.get(task_id)
        if task is None:
            raise TaskNotFound("Not found")
        return task

    async def find(self, query: TaskQuery) -> list[Task]:
        """Oldest first."""
        return [self._runner.now(task) for task in await self._store.find(query)]

    async def delete(self, task: Task) -> None:
        """With the files that were made for it; what executes it ends."""
        await self._store.delete(task.id)
        await self._runner.stop(task.id)
        await self.files.remove(task.files)

    async def cancel(self, task: Task) -> Task:
        """An ended task stays as it is. Raises TaskNotFound."""
        cancelled = _there(await self._lifecycle.cancel(task))
        if cancelled.status is TaskStatus.CANCELLED:
            await self._runner.stop(task.id)
        return cancelled

    async def report(self, task: Task, progress: float) -> Task:
        """Raises InvalidParameter or TaskNotFound."""
        if not 0.0 <= progress <= 1.0:
            raise InvalidParameter(
                f"Progress must be between 0.0 and 1.0 inclusively; {progress:g} given"
            )
        return _there(await self._lifecycle.report(task, progress))

    async def stream(self, task: Task, output: Values) -> Task:
        """What a worker has of the output so far. Raises TaskNotFound."""
        return _there(await self._lifecycle.stream(task, output))

    async def finish(self, task: Task, result: Result) -> Task:
        """End a task with what a worker, or its user, reports; output that does not fit makes it a
        failed one. Raises TaskNotFound."""
        if result.error is not None:
            ended = await self._lifecycle.fail(
                task, result.error, user_facing=result.user_facing_error
            )
        elif result.output is not None:
            ended = await self._give(task, result.output)
        else:
            return task
        await self._runner.stop(task.id)
        return _there(ended)

    async def claim(
        self, providers: Sequence[str], types: Sequence[str]
    ) -> tuple[Task, str] | None:
        """The oldest waiting task of these types, now running, with the provider that is to
        execute it (`§11.1`)."""
        asked = self._asked(providers, types)
        while asked:
            waiting = await self._store.waiting(list(asked), limit=1)
            if not waiting:
                break
            begun = await self._lifecycle.begin(waiting[0])
            # Another worker may have been quicker.
            if begun is not None:
                return begun, asked[begun.type]
        return None

    async def has_waiting(self, providers: Sequence[str], types: Sequence[str]) -> bool:
        """Would `claim` give something?"""
        asked = self._asked(providers, types)
        return bool(asked and await self._store.waiting(list(asked), limit=1))

    async def counts(self, types: Sequence[str]) -> tuple[int, int]:
        """How many tasks of all users are waiting and running; without types, of all types."""
        return (
            await self._store.count(TaskStatus.SCHEDULED, types),
            await self._store.count(TaskStatus.RUNNING, types),
        )

    async def queue_position(self, task: Task) -> int:
        """Waiting tasks of its type ahead of it. Raises TaskNotWaiting."""
        if task.status is not TaskStatus.SCHEDULED:
            raise TaskNotWaiting("This task is not scheduled")
        return await self._store.ahead_of(task)

    async def file(self, task: Task, number: int) -> Upload | None:
        """A file that the task's input or output names (`§9.7`)."""
        offer = self.types.find(task.type)
        if offer is None:
            return None
        named = {*offer.type.file_ids(task.input), *offer.type.file_ids(task.output)}
        return await self.files.find(number, owner_of(task)) if number in named else None

    async def add_file(
        self, task: Task, *, name: str, mime_type: str | None, chunks: AsyncIterator[bytes]
    ) -> Upload:
        """A file for the output of a task. Raises UploadRefused, InvalidParameter or StoreError."""
        return await self.files.add(
            owner_of(task), name=name, mime_type=mime_type, chunks=chunks, is_result=True
        )

    async def end_lost(self) -> None:
        """Fail tasks of workers that are not heard of any more; regularly, until cancelled."""
        while True:
            await asyncio.sleep(LEASE_CHECK_SECONDS)
            try:
                await self.expire_leases(now=self._clock())
            except StoreError:
                logger.exception("lost tasks could not be looked for; the next attempt will come")

    async def expire_leases(self, *, now: float) -> None:
        for task in await self._store.silent(before=now - LEASE_SECONDS):
            if task.last_updated < now - 10.0 * task.expected_seconds:
                await self._lifecycle.fail(task, LOST, user_facing=LOST)

    def _asked(self, providers: Sequence[str], types: Sequence[str]) -> dict[str, str]:
        """Those of the types whose preferred provider is among these: type → provider."""
        return {
            type_id: offer.backing.provider
            for type_id in types
            if (offer := self.types.find(type_id)) is not None
            and isinstance(offer.backing, WorkerBacking)
            and offer.backing.provider in providers
        }

    def _offer(self, order: Order) -> Offer:
        offer = self.types.find(order.type) if order.may_use_ai else None
        if offer is not None:
            return offer
        # Guests learn of no type whether there is one (`§8.1`).
        if order.may_use_ai and ":" not in order.type:
            raise TaskTypeUnknown("Requested task type does not exist")
        raise TaskTypeUnavailable("The given provider is not available")

    def _check_lengths(self, order: Order) -> None:
        # The older APIs have another name for it.
        custom_id = "customId" if order.api is TaskApi.TASK else "identifier"
        for name, text in ((custom_id, order.custom_id), ("appId", order.app_id)):
            if len(text) > MAX_NAME:
                raise InvalidParameter(f"{name} must have at most {MAX_NAME} characters")
        if order.webhook_method and not order.webhook_uri:
            raise InvalidParameter("Webhook URI is required when a webhook method is set")
        if order.webhook_uri and not order.webhook_method:
            raise InvalidParameter("Webhook method is required when a webhook URI is set")
        if len(order.webhook_uri or "") > MAX_URI or len(order.webhook_method or "") > MAX_METHOD:
            raise InvalidParameter("Webhook URI or method is too long")

    async def _check_form(
        self, offer: Offer, backing: WorkflowBacking, values: Values, user_id: str | None
    ) -> None:
        """Would the start form take it? It may want more than the slots say, such as a length."""
        inputs = await run_inputs(offer.type, backing, values, self.files.describe)
        find = self.files.finder(owner_named(user_id or ""))
        await read_inputs(backing.version.start_variables, inputs, find)

    async def _wake(self, type_id: str, backing: WorkerBacking) -> None:
        """A worker that is at such a task will ask for the next one by itself."""
        if not await self._store.count(TaskStatus.RUNNING, [type_id]):
            self._outgoing.trigger(backing.worker_id, backing.provider)

    async def _give(self, task: Task, output: Values) -> Task | None:
        offer = self.types.find(task.type)
        if offer is None:
            error = f"Nothing describes the type {task.type} any more"
            return await self._lifecycle.fail(task, error, is_output=True)
        try:
            checked = check_output(offer.type, output)
            await self.files.check_output(offer.type, checked, owner_of(task))
        except ValueError as error:
            text = f"The provider's output does not match the shape: {error}"
            return await self._lifecycle.fail(task, text, is_output=True)
        files = await self.files.results_in(offer.type, checked)
        return await self._lifecycle.succeed(task, checked, files)


def _there(task: Task | None) -> Task:
    if task is None:
        raise TaskNotFound("Not found")
    return task
