"""Mails over SMTP, through the server that the operator names."""

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

from graphmill.config.mail import MailSettings
from graphmill.errors import MailFailed, MailRefused

if TYPE_CHECKING:
    from email.message import EmailMessage

SECONDS: Final = 30.0
"""How long the server may take to answer."""


class SmtpPostman:
    """`ports.Postman`; a connection for each mail, for there are few."""

    def __init__(self, settings: MailSettings) -> None:
        assert settings.host is not None, "without a server there is no postman"
        self._host = settings.host
        self._settings = settings

    async def send(self, recipient: str, subject: str, text: str) -> None:
        # Keeps start-up fast: most servers send no mail.
        from email.message import EmailMessage  # noqa: PLC0415

        message = EmailMessage()
        try:
            message["From"] = self._settings.sender
            message["To"] = recipient
            message["Subject"] = " ".join(subject.split())
        except ValueError as error:
            raise MailRefused(f"{recipient!r} is no address: {error}") from error
        message.set_content(text)
        await asyncio.to_thread(self._send, message)

    def _send(self, message: "EmailMessage") -> None:
        # As above.
        import smtplib  # noqa: PLC0415

        settings = self._settings
        always = settings.tls == "always"
        try:
            with (
                smtplib.SMTP_SSL(
                    self._host, settings.port, timeout=SECONDS, context=ssl.create_default_context()
                )
                if always
                else smtplib.SMTP(self._host, settings.port, timeout=SECONDS)
            ) as server:
                if settings.tls == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if settings.user is not None and settings.password is not None:
                    server.login(settings.user, settings.password.get_secret_value())
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            [(code, reason)] = error.recipients.values()
            kind = MailRefused if code >= 500 else MailFailed
            raise kind(f"{code} {reason.decode('utf-8', 'replace')}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailFailed(str(error)) from error
