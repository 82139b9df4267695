"""`retention`: how long things are kept."""

from pydantic import NonNegativeFloat

from graphmill.config.section import Section


class RetentionSettings(Section):
    """0 keeps for ever."""

    runs_days: NonNegativeFloat = 30
    conversations_days: NonNegativeFloat = 90
    """Since their last turn."""
    events_minutes: NonNegativeFloat = 60
    files_days: NonNegativeFloat = 30
