import pytest

from graphmill.variables.selectors import parse_selector


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (["start", "x"], ("start", "x")),
        (["sys.query"], ("sys", "query")),
        (["sys.a.b"], ("sys", "a.b")),
        (["start"], ("start",)),
        (["start", "sys.query"], ("start", "sys.query")),
        ([], ()),
    ],
)
def test_selectors_of_old_files_are_split_at_their_first_dot(raw, expected):
    assert expected == parse_selector(raw)
