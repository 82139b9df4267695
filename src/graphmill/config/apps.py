"""`apps`: the workflows that are served."""

from base64 import b64decode
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from pydantic import Field, SecretStr, model_validator

from graphmill.config.section import FilePath, HttpUrl, OptionalText, Secret, Section

_SIGNING_SECRET: Final = "whsec_"


class LogLevel(StrEnum):
    """What is kept of a run when `retention.events_minutes` have passed since its end. Until then
    everything is: a run that goes on must survive a crash, and one that has ended is asked for."""

    NONE = "none"
    ERRORS = "errors"
    """All of a run that did not succeed, nothing of one that did."""
    SUMMARY = "summary"
    """When, how long, how it ended; no inputs, outputs or nodes."""
    FULL = "full"


class WebhookSettings(Section):
    """Who is told of the end of an app's runs."""

    url: HttpUrl
    secret: Secret
    """`whsec_` and Base64, as Standard Webhooks has it, or any text."""

    @property
    def key(self) -> bytes:
        """What signatures are made with."""
        secret = self.secret.get_secret_value()
        if secret.startswith(_SIGNING_SECRET):
            return b64decode(secret.removeprefix(_SIGNING_SECRET), validate=True)
        return secret.encode()

    @model_validator(mode="after")
    def _secret_is_readable(self) -> Self:
        try:
            is_readable = bool(self.key)
        except ValueError:
            is_readable = False
        if not is_readable:
            raise ValueError(f"secret: Base64 must follow {_SIGNING_SECRET}")
        return self


class AppSettings(Section):
    workflow: FilePath
    slug: str = Field(min_length=1)
    """Names the app within the configuration; the stem of the file when none is given."""
    api_keys: tuple[Secret, ...] = ()
    name: OptionalText = None
    published: bool = True
    api_enabled: bool = True
    log_level: LogLevel = LogLevel.FULL
    environment: dict[str, SecretStr] = {}
    webhook: WebhookSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _slug_from_file(cls, data: object) -> object:
        if not isinstance(data, dict) or data.get("slug") is not None or "workflow" not in data:
            return data
        return {**data, "slug": Path(str(data["workflow"])).stem}
