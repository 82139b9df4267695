"""The documented codes of problems are those that the sources give."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [
    *(ROOT / "src/graphmill/dsl").glob("*.py"),
    *(ROOT / "src/graphmill/nodes").rglob("*.py"),
    ROOT / "src/graphmill/service/apps/reading.py",
]
MAKERS = {
    "error",
    "warning",
    "node_problem",
    "Problem",
    "Refused",
    "_warning",
    "_unreadable",
    "_graph_problem",
    "_Complaint",
    "_problem",
    "Doubt",
}
"""What is called with a code among its first arguments."""


def given_codes() -> Iterator[str]:
    for source in SOURCES:
        for call in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            if ast.unparse(call.func).split(".")[-1] not in MAKERS:
                continue
            texts = [str(each.value) for each in call.args[:2] if isinstance(each, ast.Constant)]
            yield from (text for text in texts if re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", text))


def test_every_code_is_documented_and_every_documented_code_is_given():
    page = (ROOT / "docs/problems.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert sorted(set(given_codes())) == sorted(documented)
