"""Forms that people fill in while a run waits."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "forms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("ends_run", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_due", sa.Boolean(), nullable=False),
        sa.Column("needs_mail", sa.Boolean(), nullable=False),
        sa.Column("closed_by", sa.Text()),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
        sa.UniqueConstraint("step_key"),
    )
    op.create_index("forms_by_run", "forms", ["run_id"])
    for name, column, condition in (
        ("forms_waiting", "expires_at", "state = 'waiting'"),
        ("forms_due", "id", "is_due"),
        ("forms_untold", "id", "needs_mail"),
    ):
        where = sa.text(condition)
        op.create_index(name, "forms", [column], sqlite_where=where, postgresql_where=where)
