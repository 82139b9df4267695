"""Runs the steps. Whoever imports this imports alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event

from graphmill.errors import StoreError


def run_migrations(path: Path, revision: str = "head") -> None:
    """Take the SQLite file at `path` to `revision`, in one transaction.

    Raises StoreError when the file is of a version that is not known here."""
    # The driver would begin no transaction for changes of tables.
    engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None})
    event.listen(engine, "begin", _begin)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except CommandError as error:
        raise StoreError(f"{path} was written by a newer version of graphmill: {error}") from error
    finally:
        engine.dispose()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
