"""What code imports, read without running it: for warnings before the first run."""

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Final

from graphmill.dsl.rules import Doubt

_MODULE: Final = re.compile(
    r"""\brequire\(['"]([^'"\n]+)['"]|^[ \t]*import\b[^;'"\n]*['"]([^'"\n]+)['"]""", re.MULTILINE
)
"""Nothing in it goes past the end of a line, so no text takes it long."""


def doubts_about(source: str) -> tuple[Doubt, ...]:
    """Code that cannot be compiled."""
    try:
        _parse(source)
    except SyntaxError as error:
        line = f" (line {error.lineno} of it)" if error.lineno else ""
        return (_invalid(f"{error.msg}{line}"),)
    # NUL characters, and brackets nested too deep for the parser.
    except (ValueError, RecursionError, MemoryError) as error:
        return (_invalid(str(error)),)
    return ()


def doubts_about_javascript(source: str) -> tuple[Doubt, ...]:
    """Modules, which QuickJS has none of."""
    names = sorted({required or imported for required, imported in _MODULE.findall(source)})
    if not names:
        return ()
    shown = ", ".join(map(repr, names))
    return (
        Doubt(
            "missing-module",
            f"The code needs {shown}, and JavaScript has no modules in the code sandbox",
            ("code",),
            hint="Do without, or name a dify-sandbox, which runs JavaScript in Node.",
        ),
    )


def packages_of(source: str) -> tuple[str, ...]:
    """Top-level packages outside the standard library, wherever they are imported, optional
    imports among them. None for code that cannot be compiled."""
    try:
        tree = _parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(sorted(set(_imported(tree)) - sys.stdlib_module_names))


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _invalid(why: str) -> Doubt:
    return Doubt("invalid-code", f"The code is no Python: {why}", ("code",))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case _:
                pass
