"""A data folder has one server."""

import os
from pathlib import Path

import pytest

from graphmill.errors import ConfigInvalid
from graphmill.storage.lock import only_server


def test_a_second_server_is_told_who_has_the_folder(tmp_path: Path) -> None:
    with (
        only_server(tmp_path / "data"),
        pytest.raises(ConfigInvalid, match=f"process {os.getpid()}"),
        only_server(tmp_path / "data"),
    ):
        pass


def test_the_folder_is_free_again_after_its_server(tmp_path: Path) -> None:
    for _ in range(2):
        with only_server(tmp_path):
            pass


def test_two_folders_have_two_servers(tmp_path: Path) -> None:
    with only_server(tmp_path / "one"), only_server(tmp_path / "two"):
        pass
