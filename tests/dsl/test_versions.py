import pytest

from graphmill.dsl.versions import ImportStatus, import_status


@pytest.mark.parametrize(
    ("current", "version", "expected"),
    [
        ("0.6.0", "0.1.0", "completed-with-warnings"),
        ("0.6.0", "0.3.1", "completed-with-warnings"),
        ("0.6.0", "0.6.0", "completed"),
        ("0.6.0", "0.6.9", "pending"),
        ("0.6.0", "0.7.0", "pending"),
        ("0.6.0", "1.0.0", "pending"),
        ("0.6.0", "0.5.9", "completed-with-warnings"),
        ("1.2.3", "1.2.0", "completed"),
        ("1.2.3", "1.1.0", "completed-with-warnings"),
        ("1.2.3", "0.9.0", "pending"),
        ("0.6.0", "0.6", "completed"),
        ("0.6.0", " v0.6.0rc1 ", "completed"),
    ],
)
def test_p2_p4_p5_p6_versions_are_compared_by_their_numbers(current, version, expected):
    assert ImportStatus(expected) is import_status(version, current)


@pytest.mark.parametrize(
    "version", ["", "x", "1.", "1..2", "-1", "1.x.2 ", "1" * 50, "rc" * 10_000]
)
def test_what_is_no_version_raises(version):
    with pytest.raises(ValueError, match="is no version"):
        import_status(version)
