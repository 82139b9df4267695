"""`logs`, `metrics` and `traces`: what the server tells of itself."""

from typing import Literal

from pydantic import Field, SecretStr

from graphmill.config.section import OptionalSecret, OptionalUrl, Section


class LogSettings(Section):
    """What the server says of itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"
    """auto: text on a terminal, else JSON."""
    access: bool = False
    """Is there a line for each request?"""


class MetricSettings(Section):
    token: OptionalSecret = None
    """What has to be shown to read `/metrics`. Without it nothing is counted."""


class TraceSettings(Section):
    endpoint: OptionalUrl = None
    """Where a collector takes OTLP over HTTP, with its `/v1/traces`. None: nothing is traced."""
    headers: dict[str, SecretStr] = {}
    """Sent along with every batch."""
    ratio: float = Field(1.0, ge=0, le=1)
    """Share of the traces that begin here; those that a caller began follow the caller."""
