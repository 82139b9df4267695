"""Of long inputs and outputs, only the beginning is searched; the index fills anew by itself."""

from alembic import op

from graphmill.storage.search import ddl

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    connection = op.get_bind()
    for trigger in ("runs_search_changed", "runs_search_gone"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    connection.exec_driver_sql("DROP TABLE runs_search")
    for statement in ddl():
        connection.exec_driver_sql(statement)
