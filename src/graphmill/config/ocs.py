"""`ocs`: Nextcloud's AI APIs, their users, workers and task types."""

from typing import Literal, Self, TypeAlias

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)

from graphmill.config.section import OptionalSecret, OptionalText, OptionalUrl, Section

RateWindow: TypeAlias = tuple[PositiveInt, PositiveFloat] | Literal[False]
"""Calls and seconds."""


class RateLimitSettings(Section):
    """How often a task may be scheduled: so many times in so many seconds; false: any number."""

    user: RateWindow = (20, 120)
    anonymous: RateWindow = (5, 120)
    fetch: RateWindow = False
    exempt: tuple[str, ...] = ()
    """User ids and IP addresses that are not counted."""


class AppPasswordSettings(Section):
    name: str
    """Of the device."""
    hash: SecretStr


class UserSettings(Section):
    id: str = Field(min_length=1)
    login: tuple[str, ...] = ()
    """What the user may log in with, besides the id."""
    display_name: OptionalText = None
    password_hash: OptionalSecret = None
    app_passwords: tuple[AppPasswordSettings, ...] = ()
    ai: bool = True
    """False for guests: they see no task types and schedule nothing."""
    admin: bool = False


class ExAppSettings(Section):
    """A worker."""

    id: str = Field(min_length=1)
    version: str = Field("1.0.0", min_length=1)
    secret_hash: OptionalSecret = None
    secret: OptionalSecret = None
    """In the clear: needed where this server is the first to call."""
    url: OptionalUrl = None
    """Where it can be called; without it, nobody wakes it up."""
    enabled: bool = True

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.secret is None) == (self.secret_hash is None):
            raise ValueError("give either secret or secret_hash")
        return self


class TaskTypeSettings(Section):
    """What executes tasks of a type: an app, by its slug, or a worker's provider, by its id."""

    workflow: OptionalText = None
    provider: OptionalText = None
    expected_runtime: NonNegativeInt = 10
    """Seconds."""
    enums: dict[str, dict[str, str]] = {}
    """Slot → value → label."""
    defaults: dict[str, str | int | float] = {}
    map_in: dict[str, str] = {}
    """Slot → start variable, where the names differ."""
    map_out: dict[str, str] = {}
    """Slot → output, where the names differ."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.workflow is None) == (self.provider is None):
            raise ValueError("name either a workflow or a provider")
        return self


class OcsSettings(Section):
    """Nextcloud's AI APIs (`nextcloud-ocs §19.1`)."""

    base_path: str = Field("", pattern=r"^(/[^/]+)*$")
    version: str = Field("33.0.0", pattern=r"^\d+\.\d+\.\d+$")
    """The Nextcloud that clients take this server for."""
    anonymous: bool = False
    rate_limit: RateLimitSettings = RateLimitSettings()
    retention_days: float = Field(30, ge=7)
    tasks_at_a_time: PositiveInt = 100
    legacy_sync_wait: NonNegativeFloat = 3
    """Seconds that the two older APIs wait for a result before they answer."""
    doc_flat_fields: bool = True
    delete_missing_ok: bool = False
    mobile_progress_fix: bool = True
    webhook_allow_private: tuple[str, ...] = ()
    """As `http_request.allow`, for webhooks."""
    users: tuple[UserSettings, ...] = ()
    ex_apps: tuple[ExAppSettings, ...] = ()
    task_types: dict[str, TaskTypeSettings] = {}
    publish_workflows: tuple[str, ...] = ()
    """Slugs of apps that are task types of their own, `app:<slug>`."""
