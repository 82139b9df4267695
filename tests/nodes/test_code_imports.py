"""Warnings about Python code that nobody has run yet."""

import pytest

from graphmill.dsl.rules import NodeFacts
from graphmill.nodes.code.imports import doubts_about, packages_of
from graphmill.nodes.registry import NODE_TYPES


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def main(): return {}", id="nothing"),
        pytest.param("import json, os.path\nfrom urllib.parse import quote", id="standard library"),
        pytest.param("from . import near", id="relative"),
        pytest.param("'\\d'", id="an escape that Python would warn of"),
    ],
)
def test_code_that_can_run_is_in_no_doubt(source: str) -> None:
    assert () == doubts_about(source)


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        pytest.param("import requests", ("requests",), id="package"),
        pytest.param(
            "import json\ndef main():\n  import pandas as pd\n  from numpy.linalg import norm",
            ("numpy", "pandas"),
            id="packages inside a function",
        ),
        pytest.param("import json, os.path\nfrom urllib.parse import quote", (), id="standard"),
        pytest.param("from . import near", (), id="relative"),
        pytest.param("import requests\ndef main(:", (), id="no Python"),
    ],
)
def test_packages_are_named(source: str, packages: tuple[str, ...]) -> None:
    assert packages == packages_of(source)


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        pytest.param(
            "x = 1\ndef main(:",
            "invalid-code",
            "The code is no Python: invalid syntax (line 2 of it)",
            id="syntax",
        ),
        pytest.param(
            "x = '\0'",
            "invalid-code",
            "The code is no Python: source code string cannot contain null bytes",
            id="NUL",
        ),
    ],
)
def test_doubtful_code_is_named(source: str, code: str, message: str) -> None:
    (doubt,) = doubts_about(source)
    assert (code, message, ("code",)) == (doubt.code, doubt.message, doubt.path)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(
            "const a = require('axios'), fs = require(\"fs\")", "'axios', 'fs'", id="both"
        ),
        pytest.param("import _ from 'lodash'\nfunction main() {}", "'lodash'", id="import"),
        pytest.param("import 'side-effect'", "'side-effect'", id="import for its effect"),
        pytest.param("function main({required}) { return {a: 'import'} }", None, id="none"),
        pytest.param("\n" * 200_000, None, id="many lines"),
    ],
)
def test_modules_that_only_node_has_are_named(source: str, names: str | None) -> None:
    found = [(doubt.code, doubt.message) for doubt in facts_of("javascript", source).doubts]
    message = f"The code needs {names}, and JavaScript has no modules in the code sandbox"
    assert ([("missing-module", message)] if names else []) == found


def test_nested_too_deep_is_a_doubt_and_no_crash() -> None:
    (doubt,) = doubts_about("(" * 5000 + ")" * 5000)
    assert "invalid-code" == doubt.code


@pytest.mark.parametrize(("language", "packages"), [("python3", ("requests",)), ("javascript", ())])
def test_the_node_type_tells_the_checker(language: str, packages: tuple[str, ...]) -> None:
    facts = facts_of(language, "import requests")
    assert (packages, ()) == (facts.packages, facts.doubts)


def test_only_python_is_read() -> None:
    assert ["invalid-code"] == [doubt.code for doubt in facts_of("python3", "x = (").doubts]
    assert () == facts_of("javascript", "x = (").doubts


def facts_of(language: str, source: str) -> NodeFacts:
    data = {
        "type": "code",
        "title": "Code",
        "code_language": language,
        "code": source,
        "variables": [],
        "outputs": {},
    }
    facts = NODE_TYPES["code"].facts(data)
    assert facts is not None
    return facts
