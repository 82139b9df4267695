"""Keys of requests, and runs of which webhooks are to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "request_keys",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "key"),
    )
    op.create_index("request_keys_by_run", "request_keys", ["run_id"])
    op.create_table(
        "reports",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("reports_by_app", "reports", ["app_id", "due_at"])
