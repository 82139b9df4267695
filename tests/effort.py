"""How hard tests by chance try: a moment within the suite, as long as one likes in `make fuzz`."""

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

EFFORT: Final = int(os.environ.get("GRAPHMILL_TEST_EFFORT", "1"))
"""1: the same few examples each time. Above it: so many times as many, others each time."""


def chance(examples: int) -> settings:
    """`examples` for an effort of 1, in as much time as they take."""
    phases = [Phase.generate] if EFFORT == 1 else [Phase.generate, Phase.shrink]
    return settings(
        max_examples=examples * EFFORT,
        deadline=None,
        derandomize=EFFORT == 1,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
