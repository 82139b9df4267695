"""What model calls used and cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


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


def _sum(prices: Iterable[Decimal | None]) -> Decimal | None:
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if known else None
