"""What model calls used and cost, as nodes tell it (`nodes §4.4`)."""

from decimal import Decimal

from graphmill.engine.usage import Usage
from graphmill.variables.values import Value


def usage_output(usage: Usage) -> dict[str, Value]:
    """For outputs and process data: prices are decimal texts."""
    unit = _price(usage.price_unit)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "prompt_unit_price": _price(usage.prompt_unit_price),
        "prompt_price_unit": unit,
        "prompt_price": _price(usage.prompt_price),
        "completion_tokens": usage.completion_tokens,
        "completion_unit_price": _price(usage.completion_unit_price),
        "completion_price_unit": unit,
        "completion_price": _price(usage.completion_price),
        "total_tokens": usage.total_tokens,
        "total_price": _price(usage.total_price),
        "currency": usage.currency,
        "latency": usage.latency,
        "time_to_first_token": usage.time_to_first_token,
        "time_to_generate": usage.time_to_generate,
    }


def usage_metadata(usage: Usage) -> dict[str, Value]:
    """For `execution_metadata`."""
    return {
        "total_tokens": usage.total_tokens,
        "total_price": _price(usage.total_price),
        "currency": usage.currency,
    }


def _price(price: Decimal | None) -> str:
    """Clients add prices up, so one that is not known is written as 0."""
    return "0" if price is None else f"{price:f}"
