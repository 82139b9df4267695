"""The index for keywords in the log; it fills by itself."""

from alembic import op

from graphmill.storage.search import ddl

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for statement in ddl():
        op.get_bind().exec_driver_sql(statement)
