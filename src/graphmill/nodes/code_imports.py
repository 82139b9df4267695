"""What Python code imports, read without running it: for warnings before the first run."""

import ast
import sys
import warnings
from collections.abc import Iterator

from graphmill.dsl.rules import Doubt


def doubts_about(source: str) -> tuple[Doubt, ...]:
    """Code that cannot be compiled, and modules that the sandbox has only if its operator put them
    there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        line = f" (line {error.lineno} of it)" if error.lineno else ""
        return (_invalid(f"{error.msg}{line}"),)
    # NUL characters, and brackets nested too deep for the parser.
    except (ValueError, RecursionError, MemoryError) as error:
        return (_invalid(str(error)),)
    missing = sorted(set(_imported(tree)) - sys.stdlib_module_names)
    if not missing:
        return ()
    return (
        Doubt(
            "missing-package",
            f"The code imports {', '.join(map(repr, missing))}, not in the standard library",
            ("code",),
            "Have it in config sandbox.python.packages_dir and sandbox.python.preload, name a "
            "dify-sandbox, or do without: HTTP request nodes replace HTTP libraries.",
        ),
    )


def _invalid(why: str) -> Doubt:
    return Doubt("invalid-code", f"The code is no Python: {why}", ("code",))


def _imported(tree: ast.Module) -> Iterator[str]:
    """Top-level packages, wherever they are imported; optional imports among them."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case _:
                pass
