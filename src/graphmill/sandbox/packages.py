"""Packages that an operator installed for code nodes: a folder filled by `pip install --target`."""

from collections.abc import Iterable, Iterator
from importlib.machinery import all_suffixes
from pathlib import Path, PurePosixPath
from typing import Final

_SUFFIXES: Final = tuple(all_suffixes())


def requested_modules(folder: Path) -> tuple[str, ...]:
    """The modules of the packages that were asked for, not those that came along."""
    names = (
        name
        for info in sorted(folder.glob("*.dist-info"))
        if (info / "REQUESTED").exists()
        for name in _top_level(info)
    )
    return tuple(dict.fromkeys(names))


def installed_modules(folder: Path) -> frozenset[str]:
    """All modules of the folder that can be imported by one word."""
    if not folder.is_dir():
        return frozenset()
    return frozenset(_importable(PurePosixPath(path.name) for path in folder.iterdir()))


def _top_level(info: Path) -> Iterable[str]:
    """The modules that a package says it has: the first words of its files' paths."""
    record = info / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    paths = (PurePosixPath(line.partition(",")[0]) for line in lines)
    # Programs and data lie in folders that hold no module.
    modules = (path for path in paths if path.name.endswith(_SUFFIXES))
    return dict.fromkeys(_importable(PurePosixPath(path.parts[0]) for path in modules))


def _importable(paths: Iterable[PurePosixPath]) -> Iterator[str]:
    for path in paths:
        name = path.name.partition(".")[0]
        is_module = path.name == name or path.name.endswith(_SUFFIXES)
        if is_module and name.isidentifier() and name != "__pycache__":
            yield name
