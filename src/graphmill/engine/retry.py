"""When a failed attempt is tried again (`workflow-dsl §10.2`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    max_retries: int
    interval: float
    """Seconds before each retry."""

    def delay(self, retries_done: int) -> float | None:
        """Seconds until the next attempt, or None to give up."""
        return self.interval if retries_done < self.max_retries else None
