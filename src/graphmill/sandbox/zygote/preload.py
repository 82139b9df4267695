"""What strangers' code can import: loaded before the walls go up, for no file can be read behind
them."""

import contextlib
import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence

LEFT_OUT = frozenset({
    "antigravity", "cgitb", "curses", "distutils", "ensurepip", "http.server", "idlelib", "lib2to3",
    "multiprocessing.managers", "nis", "nntplib", "pydoc", "pydoc_data", "smtpd", "telnetlib",
    "test", "this", "tkinter", "turtle", "turtledemo", "venv", "wsgiref", "xmlrpc.server",
})  # fmt: skip
"""Of the standard library: what does something when it is imported, installs, tests, or is of no
use without a screen or a network. Each module makes each fork a little slower."""
_ON_FIRST_USE = ("_posixsubprocess", "_strptime")
LIBRARIES = ("_quickjs", "jinja2", "jinja2.sandbox", "jinja2.debug", "jinja2.constants")
"""From the server's own environment. Jinja2 imports two of them only when something happens."""


def load_standard_library() -> None:
    """All that this host has of it. Modules import others on first use, and a charset is a module:
    what is not here would fail somewhere."""
    public = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _load_with_insides((*_ON_FIRST_USE, *sorted(public)))


def _load_with_insides(names: Iterable[str]) -> None:
    for name in names:
        if name in LEFT_OUT:
            continue
        try:
            module = importlib.import_module(name)
        # Some are for other systems, and say so in many ways.
        except Exception:
            continue
        insides = (inside.name for inside in pkgutil.iter_modules(getattr(module, "__path__", ())))
        _load_with_insides(
            f"{name}.{inside}"
            for inside in insides
            if inside != "__main__" and not inside.startswith("test")
        )


def load(names: Iterable[str], folders: Sequence[str] = ()) -> list[str]:
    """Import modules, looking into `folders` first and only now; the names that are not there."""
    missing = []
    with _looking_into(folders), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            try:
                importlib.import_module(name)
            except ImportError:
                missing.append(name)
    return missing


def load_time_zones(folders: Sequence[str]) -> list[object]:
    """Every zone at once: later no file can be read. Keep them, for the module itself only holds a
    few. A host without zones has those of the package tzdata, in one of `folders`."""
    zoneinfo = importlib.import_module("zoneinfo")
    zones: list[object] = []
    with _looking_into(folders):
        for name in zoneinfo.available_timezones():
            with contextlib.suppress(Exception):
                zones.append(zoneinfo.ZoneInfo(name))
    return zones


@contextlib.contextmanager
def _looking_into(folders: Sequence[str]) -> Iterator[None]:
    sys.path[:0] = folders
    try:
        yield
    finally:
        del sys.path[: len(folders)]
        sys.path_importer_cache.clear()
