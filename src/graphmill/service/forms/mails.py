"""Tells people by mail of the forms that wait for them: again until it has worked, also after a
restart. A mail can come twice, when the server dies right after it was sent."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from graphmill.errors import MailFailed, MailRefused, StoreError
from graphmill.ports.forms import FormState, KeptForm, Mail
from graphmill.ports.mail import Postman
from graphmill.storage.forms import FormStore

PAUSE_SECONDS: Final = 60.0
"""Until mails that could not be sent are tried again, for as long as their form is open."""
URL: Final = "{{#url#}}"
"""Where the text of a mail names the page of the form."""

logger = logging.getLogger(__name__)


class FormMails:
    def __init__(
        self,
        store: FormStore,
        postman: Postman | None,
        *,
        base_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`base_url` is that of this server. Let `send_all` run."""
        self._store = store
        self._postman = postman
        self._base_url = base_url
        self._clock = clock
        self._news = asyncio.Event()
        self._sent: set[tuple[str, str]] = set()
        """Form and recipient, of forms that could not be told to all."""

    def wake(self) -> None:
        """There is a form that people are to be told of."""
        self._news.set()

    async def send_all(self) -> None:
        """Until cancelled."""
        while True:
            self._news.clear()
            try:
                is_done = await self._send_due()
            except StoreError as error:
                logger.error("Mails have to wait: %s", error.for_operator())
                is_done = False
            try:
                async with asyncio.timeout(None if is_done else PAUSE_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _send_due(self) -> bool:
        """Have all been told? Raises StoreError."""
        after, is_done = "", True
        while untold := await self._store.untold(after=after):
            for kept in untold:
                after = kept.id
                if await self._tell(kept):
                    await self._store.told(kept.id)
                    self._sent -= {pair for pair in self._sent if pair[0] == kept.id}
                else:
                    is_done = False
        return is_done

    async def _tell(self, kept: KeptForm) -> bool:
        """Is nothing left to do?"""
        if kept.state is not FormState.WAITING or kept.expires_at <= self._clock():
            return True
        if self._postman is None:
            logger.warning(
                "Form %s of run %s is to be told by mail, and config `mail` names no server",
                kept.id, kept.run_id,
            )  # fmt: skip
            return True
        told = [
            await self._send(self._postman, kept, mail, recipient)
            for mail in kept.form.mails
            for recipient in mail.recipients
        ]
        return all(told)

    async def _send(self, postman: Postman, kept: KeptForm, mail: Mail, recipient: str) -> bool:
        if (kept.id, recipient) in self._sent:
            return True
        url = f"{self._base_url}/form/{kept.token}"
        text = mail.body if URL in mail.body else f"{mail.body}\n\n{URL}".strip()
        try:
            await postman.send(recipient, mail.subject, text.replace(URL, url))
        except MailRefused as error:
            logger.error("The mail of form %s to %s is refused: %s", kept.id, recipient, error)
        except MailFailed as error:
            logger.warning("The mail of form %s to %s has to wait: %s", kept.id, recipient, error)
            return False
        self._sent.add((kept.id, recipient))
        return True
