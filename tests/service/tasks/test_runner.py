"""What a person is told of a failed run."""

import pytest

from graphmill.service.tasks.runner import BROKEN, SENTENCE, sentence


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("The page is gone.", "The page is gone."),
        ("First line\nsecond line", "First line"),
        ('It broke: Traceback (most recent call last):\n  File "x.py"', "It broke:"),
        ('Odd.\n  File "secret.py", line 1', "Odd."),
        ("Key hush is wrong", "Key *** is wrong"),
        ("x" * 1000, "x" * SENTENCE),
        ("Traceback (most recent call last):\n", BROKEN),
        ("", BROKEN),
    ],
)
def test_error_becomes_a_sentence(error: str, told: str) -> None:
    assert told == sentence(error, ("hush",))
