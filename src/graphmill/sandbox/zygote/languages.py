"""The three languages of a call. Each takes the author's text and inputs and gives what it
returned."""

import builtins
import importlib
import json
import linecache
import re
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

SOURCE = "<code>"
"""The file name that the author's own lines have in tracebacks."""
JAVASCRIPT_MEMORY = 64 << 20
JAVASCRIPT_STACK = 1 << 20

_SHIM = Path(__file__).with_name("shim.js").read_text(encoding="utf-8")
_CALL_MAIN = """(function __call_main() {
  const result = main(JSON.parse(__inputs));
  if (!result || typeof result.then !== 'function') return JSON.stringify(result);
  globalThis.__settled = function __settle() {
    throw new Error('main() returned a promise that nothing settles');
  };
  result.then(value => { globalThis.__settled = () => JSON.stringify(value); },
              error => { globalThis.__settled = () => { throw error; }; });
  return '__promise__';
})()"""
_SETTLED = "(function __settle() { return __settled(); })()"
_OUR_FRAMES = re.compile(r"\n +at __(?:call_main|run_timers|settle)\b.*", re.DOTALL)
"""What stands below the author's frames in a stack of JavaScript."""
_ENGINES_NAME = re.compile(r"(?m)^( +at .*?)<input>")


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


def javascript_stack(printed: str) -> str:
    """The author's own part of what QuickJS says of an exception."""
    return _ENGINES_NAME.sub(rf"\1{SOURCE}", _OUR_FRAMES.sub("", printed))


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
