"""Mails that the server sends."""

from typing import Protocol


class Postman(Protocol):
    async def send(self, recipient: str, subject: str, text: str) -> None:
        """Raises MailFailed when it may be tried again, MailRefused when that is of no use."""
        ...
