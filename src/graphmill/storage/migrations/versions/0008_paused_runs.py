"""The index of runs that have not ended knows paused ones, too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.drop_index("runs_going_on", "runs")
    is_open = sa.text("finished_at IS NULL")
    op.create_index("runs_open", "runs", ["id"], sqlite_where=is_open, postgresql_where=is_open)
