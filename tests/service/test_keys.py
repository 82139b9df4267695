"""API keys made by the server."""

import json
import re
import stat
import sys
from pathlib import Path

import pytest

from graphmill.errors import ConfigInvalid
from graphmill.service.apps.keys import fingerprint, kept_keys


def test_new_key_looks_like_one_of_dify(tmp_path: Path) -> None:
    keys = kept_keys(tmp_path / "keys.json", ["a"])
    assert re.fullmatch(r"app-[A-Za-z0-9]{24}", keys["a"])


def test_key_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert kept_keys(path, ["a", "b"]) == kept_keys(path, ["a", "b"])


def test_key_survives_that_its_app_is_away_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = kept_keys(path, ["a"])
    kept_keys(path, ["b"])
    assert before == kept_keys(path, ["a"])


def test_every_app_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = kept_keys(tmp_path / "keys.json", ["a", "b", "c"])
    assert 3 == len(set(keys.values()))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_owner_can_read_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    kept_keys(path, ["a"])
    kept_keys(path, ["a", "b"])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_writing_leaves_nothing_else_behind(tmp_path: Path) -> None:
    (tmp_path / "keys.new").write_text("left by a crash")
    kept_keys(tmp_path / "keys.json", ["a"])
    assert ["keys.json"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", json.dumps({"a": 1})],
    ids=["empty", "cut off", "a list", "a number for a key"],
)
def test_file_that_cannot_be_understood_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(ConfigInvalid, match="delete it"):
        kept_keys(path, ["a"])
    assert text == path.read_text()


def test_fingerprint_takes_any_text() -> None:
    assert fingerprint("app-\udc80") != fingerprint("app-")
