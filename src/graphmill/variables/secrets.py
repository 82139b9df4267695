"""Keeps secrets of the environment out of what is shown: records of requests, error texts, logs."""

import json
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from graphmill.variables.pool import Pool
from graphmill.variables.values import Value, mask_secret


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


def values_without_secrets(values: Mapping[str, Value], pool: Pool) -> dict[str, Value]:
    """The same of all texts in `values`."""
    return {name: _masked(value, pool) for name, value in values.items()}


def _masked(value: Value, pool: Pool) -> Value:
    match value:
        case str():
            return without_secrets(value, pool)
        case list():
            return [_masked(item, pool) for item in value]
        case dict():
            return values_without_secrets(value, pool)
        case _:
            return value


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
