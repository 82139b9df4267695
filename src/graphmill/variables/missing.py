"""`MISSING`: what a look-up gives that found nothing."""

from typing import Final


class Missing:
    """The type of `MISSING`: "not found", which is not the same as "found, and it is None"."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
