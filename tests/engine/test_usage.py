"""What models used, as clients see it."""

from decimal import Decimal

from graphmill.engine.usage import Usage, usage_metadata, usage_object

PAID = Usage(
    prompt_tokens=1,
    completion_tokens=6,
    prompt_price=Decimal("0.0000002"),
    completion_price=Decimal("0.0000036"),
    prompt_unit_price=Decimal("0.15"),
    completion_unit_price=Decimal("0.60"),
    latency=0.02512,
    time_to_first_token=0.0234,
    time_to_generate=0.0011,
)


def test_usage_has_the_recorded_members_with_prices_as_decimal_texts() -> None:
    assert usage_object(PAID) == {
        "prompt_tokens": 1,
        "prompt_unit_price": "0.15",
        "prompt_price_unit": "0.000001",
        "prompt_price": "0.0000002",
        "completion_tokens": 6,
        "completion_unit_price": "0.60",
        "completion_price_unit": "0.000001",
        "completion_price": "0.0000036",
        "total_tokens": 7,
        "total_price": "0.0000038",
        "currency": "USD",
        "latency": 0.025,
        "time_to_first_token": 0.023,
        "time_to_generate": 0.001,
    }


def test_an_unknown_price_is_null_and_not_nought() -> None:
    shown = usage_object(Usage(prompt_tokens=5, completion_tokens=2))
    assert {"prompt_price": None, "total_price": None, "completion_unit_price": None} == {
        name: shown[name] for name in ("prompt_price", "total_price", "completion_unit_price")
    }


def test_no_call_costs_nothing() -> None:
    shown = usage_object(Usage())
    assert {"0.0"} == {value for name, value in shown.items() if "price" in name}
    assert 0.0 == shown["time_to_first_token"]
    assert "0.0" == usage_metadata(Usage())["total_price"]


def test_metadata_name_tokens_price_and_currency() -> None:
    expected = {"total_tokens": 7, "total_price": "0.0000038", "currency": "USD"}
    assert expected == usage_metadata(PAID)


def test_together_they_cost_what_is_known_at_the_times_of_the_later_one() -> None:
    both = Usage(prompt_tokens=3, latency=2.0) + PAID
    assert (10, Decimal("0.0000038"), 0.02512) == (
        both.total_tokens,
        both.total_price,
        both.latency,
    )
