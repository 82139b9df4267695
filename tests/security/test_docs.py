"""docs/security.md says of each rule where it lives and what tests it: all of that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
_, _, TABLE = PAGE.partition("## What is kept out")
CELLS = [line.split("|")[1:4] for line in TABLE.splitlines() if line.startswith("| ")][1:]


def paths_in(cell: str) -> list[str]:
    return re.findall(r"`([a-z_/]+/(?:\w+\.py)?)", cell)


def test_code_and_tests_of_every_rule_exist() -> None:
    for rule, code, tests in CELLS:
        assert all((ROOT / "src/graphmill" / path).exists() for path in paths_in(code)), rule
        assert paths_in(tests), rule
        assert all((ROOT / path).is_file() for path in paths_in(tests)), rule


def test_every_test_here_belongs_to_a_rule() -> None:
    named = {path for _, _, tests in CELLS for path in paths_in(tests)}
    here = {f"tests/security/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    assert {f"tests/security/{Path(__file__).name}"} == here - named
