"""Forms that runs wait for: kept, filled in once, or over when their time is.

What happens to a form is stored first; its run hears of it then, from this process or the next."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from graphmill.engine.run import Run
from graphmill.errors import FormExpired, FormNotFound, FormSubmitted, RunSuspended, StoreError
from graphmill.ids import new_id
from graphmill.ports.forms import Form, FormState, KeptForm
from graphmill.service.apps.catalog import App
from graphmill.service.forms.answers import read_answer
from graphmill.service.forms.mails import FormMails
from graphmill.service.runs.inputs import Find
from graphmill.service.runs.recovery import Recovery
from graphmill.storage.forms import ClosedForm, FormStore
from graphmill.variables.values import Value

TOKEN_BYTES: Final = 24
"""Random ones; nobody guesses a token."""
DAY: Final = 86_400.0
AFTER_STORE_ERROR: Final = 10.0

logger = logging.getLogger(__name__)


class Forms:
    """`ports.forms.Forms`, and what is done with forms from outside. Call `open` before the first
    run, and let `watch` run."""

    def __init__(
        self,
        store: FormStore,
        mails: FormMails,
        *,
        pause_days: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`pause_days`: a run that waits longer for a form ends; 0: it waits as long as the form
        says."""
        self._store = store
        self._mails = mails
        self._pause_days = pause_days
        self._clock = clock
        self._recovery: Recovery
        self._news = asyncio.Event()
        self._telling = asyncio.Lock()

    def open(self, recovery: Recovery) -> None:
        """Nodes need forms before there are runs, so this comes later."""
        self._recovery = recovery

    async def find(self, step_key: str) -> KeptForm | None:
        return await self._store.find(step_key)

    async def ask(self, run: Run, step_key: str, form: Form) -> KeptForm:
        ceiling = self._pause_days * DAY
        ends_run = 0 < ceiling < form.seconds
        kept = KeptForm(
            new_id(),
            secrets.token_urlsafe(TOKEN_BYTES),
            run.app_id,
            run.id,
            step_key,
            self._clock() + (ceiling if ends_run else form.seconds),
            FormState.WAITING,
            form,
        )
        await self._store.add(kept, ends_run=ends_run)
        self._news.set()
        self._mails.wake()
        return kept

    async def get(self, token: str, app: App | None = None) -> KeptForm:
        """The open form with that token. `app`: one that is filled in through the API of that app.

        Raises FormNotFound, FormSubmitted or FormExpired."""
        kept = await self._store.find_by_token(token)
        if kept is None or (
            app is not None and (kept.app_id != app.id or not kept.form.in_web_app)
        ):
            raise FormNotFound("Form not found")
        if kept.state is FormState.SUBMITTED:
            raise _submitted(kept)
        if kept.state is not FormState.WAITING or kept.expires_at <= self._clock():
            raise FormExpired(f"This form has expired, form_id={kept.id}")
        return kept

    async def submit(
        self, kept: KeptForm, action_id: str, values: Mapping[str, Value], find: Find
    ) -> None:
        """Fill in an open form; its run goes on. Only the first one who does so counts.

        Raises FormDataInvalid, FormSubmitted or FormExpired."""
        answer = await read_answer(kept.form, action_id, values, find)
        if not await self._store.close(kept.id, FormState.SUBMITTED, answer):
            await self.get(kept.token)
            raise _submitted(kept)
        logger.info("form %s of run %s was filled in: %s", kept.id, kept.run_id, action_id)
        try:
            await self._tell_runs()
        except StoreError as error:
            # It is stored: `watch` tells the run later.
            logger.error("Run %s has to wait: %s", kept.run_id, error.for_operator())
            self._news.set()

    async def watch(self) -> None:
        """Close forms whose time is over and tell runs of closed ones, until cancelled."""
        while True:
            self._news.clear()
            try:
                await self._store.close_overdue(self._clock())
                await self._tell_runs()
                moment = await self._store.next_overdue()
                pause = None if moment is None else max(0.0, moment - self._clock())
            except StoreError as error:
                logger.error("Forms have to wait: %s", error.for_operator())
                pause = AFTER_STORE_ERROR
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _tell_runs(self) -> None:
        """Let the runs of closed forms hear of it. Raises StoreError."""
        async with self._telling:
            # A server that stops leaves that to the next one.
            with suppress(RunSuspended):
                while closed := await self._store.due():
                    for each in closed:
                        await self._tell_run(each)

    async def _tell_run(self, closed: ClosedForm) -> None:
        if closed.state is FormState.EXPIRED:
            await self._recovery.end(closed.run_id, self._overlong())
        else:
            await self._recovery.resume(closed.run_id, closed.step_key)
        await self._store.heard(closed.id)

    def _overlong(self) -> str:
        return (
            f"Nobody filled in the form within the {self._pause_days:g} days that a run may wait."
        )


def _submitted(kept: KeptForm) -> FormSubmitted:
    return FormSubmitted(f"This form has already been submitted by another user, form_id={kept.id}")
