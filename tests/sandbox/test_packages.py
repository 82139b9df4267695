"""Packages that an operator installed: what of them is there for code."""

from pathlib import Path

import pytest

from graphmill.sandbox.packages import installed_modules, requested_modules


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As `pip install --target` leaves it: a package that was asked for, one that came along."""
    asked, along = tmp_path / "shelf-1.0.dist-info", tmp_path / "wood-2.0.dist-info"
    for info in (asked, along):
        info.mkdir()
    (asked / "REQUESTED").touch()
    (asked / "RECORD").write_text(
        "../../bin/shelve,,\nshelf/__init__.py,,\nshelf/book.py,,\nshelf_tools.py,,\n"
        "_shelf.cpython-311-x86_64-linux-gnu.so,,\nshelf/__pycache__/book.cpython-311.pyc,,\n"
        "shelf-1.0.dist-info/RECORD,,\nshelf-data/table.csv,,\nthe-script.py,,\n"
    )
    (along / "RECORD").write_text("wood/__init__.py,,\n")
    for name in ("shelf", "wood", "__pycache__", "shelf-data"):
        (tmp_path / name).mkdir()
    (tmp_path / "shelf_tools.py").touch()
    return tmp_path


def test_modules_of_packages_that_were_asked_for_are_loaded(folder: Path) -> None:
    assert ("shelf", "shelf_tools", "_shelf") == requested_modules(folder)


def test_modules_that_came_along_can_be_imported_too(folder: Path) -> None:
    assert {"shelf", "shelf_tools", "wood"} == installed_modules(folder)


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert () == requested_modules(tmp_path / "none")
    assert frozenset() == installed_modules(tmp_path / "none")
