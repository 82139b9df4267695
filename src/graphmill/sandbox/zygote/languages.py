"""The three languages of a call. Each takes the author's text and inputs and gives what it
returned."""

import builtins
import importlib
import json
import linecache
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

SOURCE = "<code>"
"""The file name that the author's own lines have in tracebacks."""
JAVASCRIPT_MEMORY = 64 << 20
JAVASCRIPT_STACK = 1 << 20

_SHIM = Path(__file__).with_name("shim.js").read_text(encoding="utf-8")
_CALL_MAIN = """(function () {
  const result = main(JSON.parse(__inputs));
  if (!result || typeof result.then !== 'function') return JSON.stringify(result);
  result.then(value => { globalThis.__value = JSON.stringify(value); },
              error => { globalThis.__failed = true; globalThis.__error = error; });
  return '__promise__';
})()"""
_SETTLED = """(function () {
  if (globalThis.__failed) throw globalThis.__error;
  return globalThis.__value;
})()"""


def run_python(source: str, inputs: dict[str, Any]) -> Any:
    names: dict[str, Any] = {
        "__name__": "__main__",
        "__builtins__": builtins,
        "json": json,
        "b64decode": b64decode,
    }
    linecache.cache[SOURCE] = (len(source), None, source.splitlines(True), SOURCE)
    exec(compile(source, SOURCE, "exec", dont_inherit=True), names)
    if "main" not in names:
        raise NameError("name 'main' is not defined")
    return names["main"](**inputs)


def run_javascript(source: str, inputs: dict[str, Any]) -> Any:
    context = sys.modules["_quickjs"].Context()
    context.set_memory_limit(JAVASCRIPT_MEMORY)
    context.set_max_stack_size(JAVASCRIPT_STACK)
    context.add_callable("__zone_parts", _zone_parts)
    context.eval(_SHIM)
    context.set("__inputs", json.dumps(inputs, ensure_ascii=False))
    try:
        context.eval(source)
        result = context.eval(_CALL_MAIN)
        if result == "__promise__":
            while context.execute_pending_job() or context.eval("__run_timers()"):
                pass
            result = context.eval(_SETTLED)
    finally:
        sys.stdout.write(context.eval("__logs.join('\\n')"))
        sys.stderr.write(context.eval("__errors.join('\\n')"))
    if not isinstance(result, str):
        raise TypeError("main() returned nothing that JSON can hold")
    return json.loads(result)


def run_template(source: str, inputs: dict[str, Any]) -> Any:
    return {"result": _ENVIRONMENT.from_string(source).render(**inputs)}


def warm_templates() -> None:
    """Let Jinja2 build what it builds on first use while that is still shared by all calls."""
    global _ENVIRONMENT
    sandbox = importlib.import_module("jinja2.sandbox")
    _ENVIRONMENT = sandbox.SandboxedEnvironment(cache_size=0)
    _ENVIRONMENT.from_string(
        "{% macro m(x) %}{{ x }}{% endmacro %}"
        "{% for a in b %}{{ a|tojson }}{{ m(loop.index) }}{% endfor %}"
    ).render(b=[1])


_ENVIRONMENT: Any = None

RUN = {"python3": run_python, "javascript": run_javascript, "jinja2": run_template}


def _zone_parts(milliseconds: float, zone: str) -> str:
    """A point in time as the clocks of `zone` show it, for the shim's toLocaleString."""
    datetime = sys.modules["datetime"]
    zoneinfo = sys.modules["zoneinfo"]
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, zoneinfo.ZoneInfo(zone))
    parts = ("year", "month", "day", "hour", "minute", "second")
    return json.dumps({part: getattr(moment, part) for part in parts})
