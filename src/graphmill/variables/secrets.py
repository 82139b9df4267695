"""Keeps secrets of the environment out of what is shown: records of requests, error texts."""

import json
from urllib.parse import quote, quote_plus

from graphmill.variables.pool import Pool
from graphmill.variables.values import mask_secret


def without_secrets(text: str, pool: Pool) -> str:
    """`text` with the secrets of `pool` masked wherever they stand, also as a URL or JSON has
    them (`workflow-dsl §14.5`)."""
    for name in pool.secrets:
        secret = pool.find(("env", name))
        if isinstance(secret, str) and secret:
            mask = mask_secret(secret)
            for spelling in _spellings(secret):
                text = text.replace(spelling, mask)
    return text


def _spellings(secret: str) -> list[str]:
    """Longest first, for one may contain another."""
    spellings = {
        secret,
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
    return sorted(spellings, key=len, reverse=True)
