"""What model calls used and cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from graphmill.variables.values import Value


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one call, or of several together. A price of None is not known, which is not the same as
    free."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_price: Decimal | None = None
    completion_price: Decimal | None = None
    prompt_unit_price: Decimal | None = None
    """For `price_unit` of a token; so is the next one."""
    completion_unit_price: Decimal | None = None
    price_unit: Decimal = Decimal("0.000001")
    currency: str = "USD"
    latency: float = 0.0
    """Seconds, of the last call; so are the next two."""
    time_to_first_token: float | None = None
    time_to_generate: float | None = None

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def total_price(self) -> Decimal | None:
        """None when no part of it is known."""
        return _sum((self.prompt_price, self.completion_price))

    def __add__(self, other: "Usage") -> "Usage":
        """Both together, at the prices and times of the later one."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            _sum((self.prompt_price, other.prompt_price)),
            _sum((self.completion_price, other.completion_price)),
            other.prompt_unit_price,
            other.completion_unit_price,
            other.price_unit,
            other.currency,
            other.latency,
            other.time_to_first_token,
            other.time_to_generate,
        )


_NOTHING: Final = Usage(
    prompt_price=Decimal("0.0"),
    completion_price=Decimal("0.0"),
    prompt_unit_price=Decimal("0.0"),
    completion_unit_price=Decimal("0.0"),
    price_unit=Decimal("0.0"),
    time_to_first_token=0.0,
    time_to_generate=0.0,
)


def usage_object(usage: Usage) -> dict[str, Value]:
    """`usage` as clients know it (`nodes §4.6`): prices as decimal texts, null where they are not
    known. Where no model was called, all is nought (recorded)."""
    if usage == Usage():
        usage = _NOTHING
    unit = _text(usage.price_unit)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "prompt_unit_price": _text(usage.prompt_unit_price),
        "prompt_price_unit": unit,
        "prompt_price": _text(usage.prompt_price),
        "completion_tokens": usage.completion_tokens,
        "completion_unit_price": _text(usage.completion_unit_price),
        "completion_price_unit": unit,
        "completion_price": _text(usage.completion_price),
        "total_tokens": usage.total_tokens,
        "total_price": _text(usage.total_price),
        "currency": usage.currency,
        "latency": round(usage.latency, 3),
        "time_to_first_token": _rounded(usage.time_to_first_token),
        "time_to_generate": _rounded(usage.time_to_generate),
    }


def usage_of(shown: Mapping[str, Any]) -> Usage:
    """What `usage_object` made `shown` of."""
    return Usage(
        prompt_tokens=shown["prompt_tokens"],
        completion_tokens=shown["completion_tokens"],
        prompt_price=_price(shown["prompt_price"]),
        completion_price=_price(shown["completion_price"]),
        prompt_unit_price=_price(shown["prompt_unit_price"]),
        completion_unit_price=_price(shown["completion_unit_price"]),
        price_unit=Decimal(shown["prompt_price_unit"]),
        currency=shown["currency"],
        latency=shown["latency"],
        time_to_first_token=shown["time_to_first_token"],
        time_to_generate=shown["time_to_generate"],
    )


def usage_metadata(usage: Usage) -> dict[str, Value]:
    """What the metadata of an execution say of it (`nodes §4.6`)."""
    if usage == Usage():
        usage = _NOTHING
    return {
        "total_tokens": usage.total_tokens,
        "total_price": _text(usage.total_price),
        "currency": usage.currency,
    }


def _text(price: Decimal | None) -> str | None:
    """Without an exponent: not every client reads 1E-7."""
    return None if price is None else format(price, "f")


def _price(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _sum(prices: Iterable[Decimal | None]) -> Decimal | None:
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if known else None
