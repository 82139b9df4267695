"""Nextcloud's tasks, what workers registered, app passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "app_passwords",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_table(
        "ocs_providers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("custom_task_type", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("worker_id", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ocs_tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("custom_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("progress", sa.Double()),
        sa.Column("last_updated", sa.Double(), nullable=False),
        sa.Column("scheduled_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("expected_seconds", sa.Integer(), nullable=False),
        sa.Column("allow_cleanup", sa.Boolean(), nullable=False),
        sa.Column("include_watermark", sa.Boolean(), nullable=False),
        sa.Column("prefer_streaming", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("user_facing_error", sa.Text()),
        sa.Column("webhook_uri", sa.Text()),
        sa.Column("webhook_method", sa.Text()),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("output", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ocs_tasks_by_status", "ocs_tasks", ["status", "type"])
    op.create_index("ocs_tasks_by_time", "ocs_tasks", ["last_updated"])
    op.create_index("ocs_tasks_by_user", "ocs_tasks", ["user_id", "api", "type"])
