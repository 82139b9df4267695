"""`cluster`: who does what where one machine is not enough."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from graphmill.config.section import Section


class ClusterSettings(Section):
    role: Literal["all", "api", "worker"] = "all"
    dispatcher: Literal["embedded", "dbos"] = "embedded"
    event_bus: Literal["memory", "postgres", "redis", "nats"] = "memory"
    worker_concurrency: PositiveInt = 200
    lease_seconds: PositiveFloat = 5
