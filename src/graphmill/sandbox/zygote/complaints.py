"""What the author of code is told when it fails: the interpreter's words, and why this place is
different where it is."""

import re
import traceback
from collections.abc import Iterator, Sequence
from types import TracebackType

import languages
import preload

CHARACTERS = 20_000
FRAMES = 5
NO_NETWORK = "The code sandbox has no network; an HTTP request node can fetch what the code needs."
NO_FILES = "The code sandbox has no file system; hand in what the code needs as a variable."
NO_SYSTEM = "The code sandbox allows no processes, devices or other services of the system."
_NETWORK_NAMES = ("fetch", "XMLHttpRequest", "WebSocket")
_MISSING_NAME = re.compile(
    "ReferenceError: (fetch|XMLHttpRequest|WebSocket|require|process|crypto|Intl|URL|"
    "URLSearchParams|setInterval|setImmediate|Blob|AbortController) is not defined"
)
"""What there is in Node, or in browsers."""
_NETWORK_FILES = ("socket.py", "ssl.py", "client.py", "base_events.py")
_NETWORK_ERRORS = frozenset({"gaierror", "URLError", "ConnectionRefusedError"})


def describe(error: BaseException, language: str, packages: Sequence[str]) -> str:
    """As an interpreter would print it, with the author's own lines only."""
    try:
        if language == "javascript":
            text = languages.javascript_stack(str(error))
            hint = _javascript_hint(text)
        else:
            text = str(error) if language == "jinja2" else _as_printed(error)
            hint = _hint(error, packages)
    except BaseException:
        # Strangers' exceptions may have strangers' methods.
        return type(error).__name__
    text = text.rstrip() or type(error).__name__
    return f"{text[:CHARACTERS]}\n{hint}" if hint else text[:CHARACTERS]


def _as_printed(error: BaseException) -> str:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == languages.SOURCE
    ]
    lines = traceback.format_list(frames[-FRAMES:])
    head = ["Traceback (most recent call last):\n"] if lines else []
    return "".join([*head, *lines, *traceback.format_exception_only(error)])


def _hint(error: BaseException, packages: Sequence[str]) -> str:
    if isinstance(error, ModuleNotFoundError) and _is_left_out(error.name or ""):
        return f"The code sandbox does without {error.name!r} of the standard library."
    if isinstance(error, ModuleNotFoundError):
        installed = f"only {', '.join(packages)}" if packages else "no packages"
        return (
            f"{error.name!r} is not available in the code sandbox: beside the standard library it "
            f"has {installed}. An administrator can add packages (graphmill sandbox install; "
            "config sandbox.python.preload for what they do not load themselves) or name a "
            "dify-sandbox; an HTTP request node replaces HTTP libraries."
        )
    if type(error).__name__ in _NETWORK_ERRORS:
        return NO_NETWORK
    if isinstance(error, FileNotFoundError):
        return NO_FILES
    if not isinstance(error, PermissionError):
        return ""
    if error.filename is not None:
        return NO_FILES
    if any(name.endswith(_NETWORK_FILES) for name in _file_names(error.__traceback__)):
        return NO_NETWORK
    return NO_SYSTEM


def _is_left_out(name: str) -> bool:
    return not preload.LEFT_OUT.isdisjoint({name, name.partition(".")[0]})


def _javascript_hint(text: str) -> str:
    missing = _MISSING_NAME.match(text)
    if missing is None:
        return ""
    if missing[1] in _NETWORK_NAMES:
        return NO_NETWORK
    return (
        f"The embedded JavaScript engine has no {missing[1]}; a dify-sandbox runs JavaScript in "
        "Node (config sandbox.remote.endpoint)."
    )


def _file_names(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
