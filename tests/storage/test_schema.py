"""A new file and a migrated one are the same, and old ones become new ones."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

import graphmill.storage.migrations
from graphmill.errors import StoreError
from graphmill.storage.database import FILE_NAME, open_database
from graphmill.storage.migrations.run import run_migrations
from graphmill.storage.schema import REVISION, prepare, stored_revision
from graphmill.storage.sqlite import connect_writer


def schema_of(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    ).fetchall()
    connection.close()
    return {name: " ".join(sql.split()) for name, sql in rows if name != "alembic_version"}


def new_file(path: Path) -> sqlite3.Connection:
    connection = connect_writer(path)
    prepare(connection, path)
    return connection


def test_tables_and_migrations_agree(tmp_path: Path) -> None:
    new_file(tmp_path / "new").close()
    run_migrations(tmp_path / "migrated")
    assert schema_of(tmp_path / "new") == schema_of(tmp_path / "migrated")


def test_the_revision_is_that_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", graphmill.storage.migrations.__path__[0])
    assert REVISION == ScriptDirectory.from_config(config).get_current_head()


def test_a_new_file_has_the_newest_revision(tmp_path: Path) -> None:
    connection = new_file(tmp_path / "new")
    assert REVISION == stored_revision(connection)
    connection.close()


def test_a_prepared_file_is_left_alone(tmp_path: Path) -> None:
    connection = new_file(tmp_path / "file")
    before = connection.total_changes
    prepare(connection, tmp_path / "file")
    assert before == connection.total_changes
    connection.close()


def test_an_older_file_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old"
    connection = connect_writer(path)
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
    prepare(connection, path)
    assert REVISION == stored_revision(connection)
    connection.close()


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    connection = new_file(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        async with open_database(None, tmp_path):
            pass
    connection = sqlite3.connect(path)
    assert "9999" == stored_revision(connection)
    connection.close()


def test_starting_needs_no_alembic(tmp_path: Path) -> None:
    """It would cost more time than the rest of the start."""
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from graphmill.storage.database import open_database\n"
        "async def main():\n"
        "    async with open_database(None, Path(sys.argv[1])):\n"
        "        sys.exit('alembic' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    for _ in ("new file", "known file"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
