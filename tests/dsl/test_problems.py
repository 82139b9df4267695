import pytest

from graphmill.dsl.model import Place, Problem, Severity
from graphmill.dsl.problems import did_you_mean, dotted, format_text, in_order, shown


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (
            Problem(Severity.ERROR, "bad-root", "No mapping", Place(3, 7)),
            "a.yml:3:7: error[bad-root] No mapping",
        ),
        (
            Problem(Severity.WARNING, "c", "m", Place(1, 1), "Do this.", "17", "Title", "a.b"),
            "a.yml:1:1: warning[c] m (node Title (17), field a.b) - Do this.",
        ),
        (
            Problem(Severity.ERROR, "c", "m", Place(1, 1), node_id="17", node_title=""),
            "a.yml:1:1: error[c] m (node 17)",
        ),
        (
            Problem(Severity.ERROR, "c", "two\nlines \x1b[31mred", Place(1, 1)),
            "a.yml:1:1: error[c] two lines  [31mred",
        ),
    ],
    ids=["plain", "everything", "no title", "control characters"],
)
def test_a_problem_is_one_line_for_people(problem, expected):
    assert expected == format_text("a.yml", problem)


def test_problems_are_ordered_by_place_and_told_once():
    def problem(line, column, severity=Severity.WARNING):
        return Problem(severity, "c", "m", Place(line, column))

    ordered = (problem(1, 2, Severity.ERROR), problem(1, 2), problem(2, 1), problem(10, 1))
    assert ordered == in_order([*reversed(ordered), ordered[0]])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), None),
        (("a",), "a"),
        (("cases", 0, "conditions", 12, "value"), "cases[0].conditions[12].value"),
        ((0, "a"), "[0].a"),
    ],
)
def test_a_path_is_written_with_dots_and_brackets(path, expected):
    assert expected == dotted(path)


def test_a_long_value_is_cut_in_messages():
    assert "[1, 2]" == shown([1, 2])
    assert "x" * 200 + "…" == shown("x" * 201)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("quest", "Did you mean 'query'?"), ("zzz", ""), ("querry", "Did you mean 'query'?")],
)
def test_a_near_word_is_suggested(word, expected):
    assert expected == did_you_mean(word, ["query", "files"])
