"""`limits`: how much of everything there may be."""

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from graphmill.config.section import Section


class UploadSizes(Section):
    document: PositiveInt = 15
    image: PositiveInt = 10
    audio: PositiveInt = 50
    video: PositiveInt = 100


class LimitSettings(Section):
    run_seconds: PositiveFloat = 1200
    run_steps: PositiveInt = 500
    pause_days: NonNegativeFloat = 7.0
    """A run that waits longer for a person ends; 0 lets it wait as long as its forms say."""
    runs: NonNegativeInt = 10_000
    """At a time; 0, here and below: no ceiling."""
    runs_per_app: NonNegativeInt = 0
    readers: NonNegativeInt = 10_000
    """Open event streams."""
    readers_per_app: NonNegativeInt = 0
    requests_per_minute: NonNegativeInt = 0
    """With one API key."""
    all_requests_per_minute: NonNegativeInt = 0
    """With all of them together."""
    body_mb: PositiveInt = 16
    """Of a request that is no upload."""
    uploads_mb: UploadSizes = UploadSizes()
