"""Is each black-box case of `nextcloud-ocs §21` a test that has its number?"""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
CASES = {
    "E": 24, "A": 24, "R": 10, "P": 10, "T": 11, "S": 48, "G": 31, "F": 14, "W": 43, "H": 8,
    "X": 13, "I": 17, "C": 10,
}  # fmt: skip
"""How many there are of each group."""


def test_every_case_is_a_test() -> None:
    paths = [*(TESTS / "api/ocs").glob("test_*.py"), TESTS / "clients/test_nc_py_api.py"]
    text = "\n".join(path.read_text() for path in paths)
    prefixes = re.findall(r"^(?:async )?def test_((?:[a-z]\d\d_)+)", text, re.MULTILINE)
    numbers = {number.upper() for prefix in prefixes for number in prefix.split("_")}
    numbers |= set(re.findall(r'\bid="([A-Z]\d\d)\b', text))
    expected = {f"{group}{i:02}" for group, count in CASES.items() for i in range(1, count + 1)}
    assert 263 == len(expected)
    assert set() == expected - numbers
