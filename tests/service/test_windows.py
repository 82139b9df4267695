"""Limits over a sliding window."""

from graphmill.service.windows import KEYS, Window


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_oldest_makes_room_when_its_time_is_over() -> None:
    clock = Clock()
    window = Window(2, 10, clock=clock)
    assert 0 == window.take("a")
    clock.now += 4
    assert 0 == window.take("a")
    clock.now += 1
    assert 5 == window.take("a") == window.wait("a")
    assert 0 == window.take("b")
    clock.now += 5
    assert 0 == window.take("a")
    assert 4 == window.take("a")


def test_what_is_refused_is_not_counted() -> None:
    clock = Clock()
    window = Window(1, 10, clock=clock)
    assert [0, 10, 10] == [window.take("a") for _ in range(3)]
    clock.now += 10
    assert 0 == window.take("a")


def test_counters_have_an_end_also_while_none_has_run_out() -> None:
    window = Window(1, 10, clock=Clock())
    for number in range(3 * KEYS):
        window.take(str(number))
    assert len(window) <= KEYS + 1
    assert 10 == window.take(str(3 * KEYS - 1))


def test_counters_that_ran_out_are_forgotten() -> None:
    clock = Clock()
    window = Window(1, 10, clock=clock)
    for number in range(KEYS + 1):
        window.take(str(number))
    clock.now += 10
    window.wait("0")
    window.take("late")
    assert 1 == len(window)
