"""Code as people write it gives in the sandbox what it gives outside."""

import asyncio
import contextlib
import io
import json
import sys
from collections.abc import Mapping

import pytest

from graphmill.errors import CodeFailed
from graphmill.sandbox.fork_server import ForkServer
from graphmill.sandbox.limits import CodeLimits
from graphmill.variables.values import Value
from tests.sandbox.calling import ALL_WALLS, STILL_WORKS, Call, Host, hosts, run_on
from tests.sandbox.snippets_javascript import JAVASCRIPT, NODE_ONLY
from tests.sandbox.snippets_python import PYTHON

ELSEWHERE = {
    name: host
    for name, host in hosts()
    if ALL_WALLS or (host.python != sys.executable and not host.other_user and not host.layers_off)
}
Results = Mapping[str, Value | CodeFailed]


def results_of(language: str, sources: Mapping[str, str]) -> Results:
    """By name; all run at the same time."""

    async def run_all() -> Results:
        server = ForkServer(CodeLimits())

        async def run(source: str) -> Value | CodeFailed:
            try:
                return (await server.run(language, source, {})).value
            except CodeFailed as error:
                return error

        try:
            results = await asyncio.gather(*map(run, sources.values()))
        finally:
            await server.close()
        return dict(zip(sources, results, strict=True))

    return asyncio.run(run_all())


def main_returning(expression: str) -> str:
    return f"function main() {{ return {{v: {expression}}} }}"


@pytest.fixture(scope="module")
def python_results() -> Results:
    return results_of("python3", PYTHON)


@pytest.fixture(scope="module")
def javascript_results() -> Results:
    sources = {name: main_returning(source) for name, (source, _) in JAVASCRIPT.items()}
    return results_of("javascript", sources)


def expected_of(name: str) -> Value:
    """What this Python gives for a snippet."""
    names: dict[str, object] = {"__name__": "__main__"}
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        exec(PYTHON[name], names)
        expected: Value = json.loads(json.dumps(names["main"]()))
    return expected


@pytest.mark.parametrize("name", PYTHON)
def test_python_means_the_same(name: str, python_results: Results) -> None:
    assert expected_of(name) == python_results[name]


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_javascript_means_the_same(name: str, javascript_results: Results) -> None:
    assert {"v": JAVASCRIPT[name][1]} == javascript_results[name]


@pytest.mark.parametrize("host", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_snippets_mean_the_same_elsewhere(host: Host) -> None:
    expected = {f"Python {name}": expected_of(name) for name in PYTHON}
    expected |= {f"JavaScript {name}": {"v": value} for name, (_, value) in JAVASCRIPT.items()}
    calls: list[Call] = [("python3", source, {}) for source in PYTHON.values()]
    calls += [("javascript", main_returning(source), {}) for source, _ in JAVASCRIPT.values()]
    report = run_on(host, calls)
    assert expected == dict(zip(expected, [end.value for end in report.ends], strict=True))
    assert STILL_WORKS == report.after


def test_what_the_engine_lacks_fails_or_is_undefined() -> None:
    results = results_of(
        "javascript", {name: main_returning(source) for name, source in NODE_ONLY.items()}
    )
    wrong = {
        name: result
        for name, result in results.items()
        if not isinstance(result, CodeFailed) and result != {"v": "undefined"}
    }
    assert {"localeCompare": {"v": ["C", "a", "b"]}} == wrong


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("new Date(0).toLocaleString('ar-EG')", id="a locale"),
        pytest.param("new Date(0).toLocaleString('en-US', {month: 'long'})", id="an option"),
        pytest.param("(5).toLocaleString('en', {notation: 'compact'})", id="a notation"),
        pytest.param("new Date(0).toLocaleString('en-US', {timeZone: 'No/Where'})", id="a zone"),
        pytest.param("new Date(0).toLocaleString('zh-TW')", id="another Chinese"),
        pytest.param("new Date(0).toLocaleString('de', {hour12: true})", id="hours of a locale"),
        pytest.param("(5).toLocaleString('fr-FR')", id="numbers of a locale"),
        pytest.param("(5).toLocaleString('de', {style: 'percent'})", id="a style of a locale"),
        pytest.param("(5).toLocaleString('en', {style: 'unit', unit: 'liter'})", id="a style"),
        pytest.param("(5).toLocaleString('en', {style: 'currency'})", id="no currency"),
        pytest.param(
            "(5).toLocaleString('en', {style: 'currency', currency: 'CHF'})", id="a currency"
        ),
        pytest.param("(5).toLocaleString('en', {maximumFractionDigits: 101})", id="many places"),
        pytest.param("Buffer.from('a', 'utf16le')", id="an encoding"),
        pytest.param("Buffer.from('a').toString('ucs2')", id="an encoding of bytes"),
        pytest.param("new Buffer('a')", id="a constructor of old"),
        pytest.param("new TextDecoder('gbk')", id="a charset"),
        pytest.param("structuredClone({f() {}})", id="a clone of a function"),
        pytest.param("structuredClone(new Error('x'))", id="a clone of an error"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(expression: str) -> None:
    (result,) = results_of("javascript", {"it": main_returning(expression)}).values()
    assert isinstance(result, CodeFailed)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "function half(x) {\n  return x.y / 2\n}\nfunction main() {\n  return half(null)\n}",
            "TypeError: cannot read property 'y' of null\n"
            "    at half (<code>:2:10)\n    at main (<code>:5:15)",
            id="in a function",
        ),
        pytest.param(
            "async function main() {\n  await null\n  throw new Error('no')\n}",
            "Error: no\n    at main (<code>:3:13)",
            id="in a promise",
        ),
        pytest.param(
            "const main = () => new Promise(() =>\n  setTimeout(function late() { null.x }, 1))",
            "TypeError: cannot read property 'x' of null\n    at late (<code>:2:32)",
            id="in a timer",
        ),
        pytest.param(
            "function main() {\n  return {", "SyntaxError: ", id="where it is not JavaScript"
        ),
        pytest.param(
            "const main = () => ({v: new Date(0).toLocaleString('ar')})",
            "RangeError: Dates of locale ar are not there in the embedded JavaScript engine; a "
            "dify-sandbox runs JavaScript in Node (config sandbox.remote.endpoint)",
            id="where it is no Node",
        ),
        pytest.param(
            "const fs = require('fs')",
            "ReferenceError: require is not defined\n    at <eval> (<code>:1:12)\n"
            "The embedded JavaScript engine has no require; a dify-sandbox runs JavaScript in Node "
            "(config sandbox.remote.endpoint)",
            id="what only Node has",
        ),
        pytest.param(
            "const main = () => fetch('https://example.org')",
            "ReferenceError: fetch is not defined\n    at main (<code>:1:20)\n"
            "The code sandbox has no network; an HTTP request node can fetch what the code needs.",
            id="what needs a network",
        ),
        pytest.param(
            "const main = () => new Promise(() => {})",
            "Error: main() returned a promise that nothing settles",
            id="a promise without end",
        ),
    ],
)
async def test_authors_are_told_what_is_wrong_with_javascript(source: str, message: str) -> None:
    (result,) = (await asyncio.to_thread(results_of, "javascript", {"it": source})).values()
    assert isinstance(result, CodeFailed)
    told = str(result)
    assert message in told
    assert "<input>" not in told
    assert told.count("(<code>:") == message.count("(<code>:")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("const main = ({x}) => ({y: x})", {"y": [1, "é"]}, id="an arrow function"),
        pytest.param(
            "async function main({x}) { return {y: await x} }", {"y": [1, "é"]}, id="async"
        ),
        pytest.param(
            "function main() { return new Promise(done => setTimeout(() => done({y: 1}), 5)) }",
            {"y": 1},
            id="a timer",
        ),
        pytest.param(
            "async function main() { const y = []; const timer = setTimeout(() => y.push(3), 20);"
            " setTimeout(() => y.push(1), 30); setTimeout((x) => y.push(x), 10, 2);"
            " clearTimeout(timer); await new Promise(done => setTimeout(done, 50)); return {y} }",
            {"y": [2, 1]},
            id="timers",
        ),
        pytest.param(
            "function main() { return {y: undefined, z: NaN} }", {"z": None}, id="no JSON"
        ),
    ],
)
async def test_javascript_has_many_ways_to_return(source: str, expected: Value) -> None:
    server = ForkServer(CodeLimits())
    try:
        result = await server.run("javascript", source, {"x": [1, "é"]})
    finally:
        await server.close()
    assert expected == result.value


async def test_what_javascript_logs_is_kept_apart() -> None:
    server = ForkServer(CodeLimits())
    source = """function main() {
      const ring = {}; ring.ring = ring;
      console.log('a', {b: 1}, undefined, 5n, ring);
      console.error(new TypeError('c'));
      return {};
    }"""
    try:
        result = await server.run("javascript", source, {})
    finally:
        await server.close()
    assert ('a {"b":1} undefined 5 [object Object]', "TypeError: c") == (
        result.output,
        result.errors,
    )
