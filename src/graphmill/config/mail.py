"""`mail`: how people hear of forms that wait for them."""

from typing import Literal, Self

from pydantic import PositiveInt, model_validator

from graphmill.config.section import OptionalSecret, Section


class MailSettings(Section):
    host: str | None = None
    """Of the server that takes mails. None: no mail is sent."""
    port: PositiveInt = 587
    tls: Literal["starttls", "always", "never"] = "starttls"
    user: str | None = None
    password: OptionalSecret = None
    sender: str = ""
    """Who mails come from, such as `Approvals <approvals@example.org>`."""

    @model_validator(mode="after")
    def _require_sender(self) -> Self:
        if self.host is not None and not self.sender:
            raise ValueError("sender is missing: say who mails come from")
        return self
