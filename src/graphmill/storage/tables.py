"""The tables, for both dialects. Times are Unix seconds, ids are UUIDs as text.

Large columns stand last in their tables: what lists show is read without them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

apps = Table(
    "apps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("mode", Text, nullable=False),
)

workflow_versions = Table(
    "workflow_versions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("content", Text, nullable=False),
    Index("workflow_versions_by_app", "app_id", "created_at"),
)

end_users = Table(
    "end_users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("sequence_number", Integer, nullable=False),
    Column("end_user_id", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("triggered_from", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("first_sequence", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("finished_at", Double),
    Column("last_sequence", BigInteger),
    Column("elapsed", Double, nullable=False),
    Column("total_tokens", BigInteger, nullable=False),
    Column("total_steps", Integer, nullable=False),
    Column("exceptions_count", Integer, nullable=False),
    Column("error", Text),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Index("runs_by_app", "app_id", "created_at", "status"),
    Index("runs_by_time", "created_at"),
    Index("runs_by_end_user", "end_user_id", "created_at"),
    Index("runs_by_task", "task_id"),
)
"""`first_sequence` and `last_sequence` number the run's RunStarted and RunFinished, which are kept
in this row and nowhere else."""

is_open = runs.c.finished_at.is_(None)
"""Running or paused."""
# Naming the condition for Postgres here would load its dialect into every server; the migration
# that makes the index names it.
Index("runs_open", runs.c.id, sqlite_where=is_open)

node_executions = Table(
    "node_executions",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("events", LargeBinary, nullable=False),
)
"""What the nodes of a run did: one row for each commit, numbered by the last event in it."""

journal = Table(
    "journal",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("events", LargeBinary, nullable=False),
    Index("journal_by_time", "at"),
)
"""All other events, which are forgotten sooner. Rows as in `node_executions`."""

orders = Table(
    "orders",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("created_at", Double, nullable=False),
    Column("run", LargeBinary, nullable=False),
)
"""Runs that were not over after their first commit, until they are."""

request_keys = Table(
    "request_keys",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Index("request_keys_by_run", "run_id"),
)
"""Which run a key of a request has started, and what was asked for."""

reports = Table(
    "reports",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Index("reports_by_app", "app_id", "due_at"),
)
"""Ended runs whose webhook has not taken notice yet."""

forms = Table(
    "forms",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("step_key", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("ends_run", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_due", Boolean, nullable=False),
    Column("needs_mail", Boolean, nullable=False),
    Column("closed_by", Text),
    Column("form", Text, nullable=False),
    Column("answer", Text),
    UniqueConstraint("token"),
    UniqueConstraint("step_key"),
    Index("forms_by_run", "run_id"),
)
"""What runs ask people. `ends_run`: does a run end whose form nobody fills in? `is_due`: has the
form been closed, and its run not heard of it? `needs_mail`: are people to be told of it by mail?
`closed_by` names who closed it: the first one wins."""

form_is_waiting = forms.c.state == "waiting"
Index("forms_waiting", forms.c.expires_at, sqlite_where=form_is_waiting)
Index("forms_due", forms.c.id, sqlite_where=forms.c.is_due)
Index("forms_untold", forms.c.id, sqlite_where=forms.c.needs_mail)

uploads = Table(
    "uploads",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("end_user_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("extension", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("id"),
    Index("uploads_by_time", "created_at"),
    sqlite_autoincrement=True,
)
"""`number` is never used twice: Nextcloud's clients know a file by it."""

unfinished_files = Table(
    "unfinished_files",
    metadata,
    Column("key", Text, primary_key=True),
    Column("created_at", Double, nullable=False),
)
"""Keys under which bytes may lie although no row of `uploads` says so yet: a process that dies
while it stores a file leaves one here."""

brief_runs = Table(
    "brief_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("log_level", Text, nullable=False),
)
"""Runs of which less is kept than others', once nobody can rejoin them: see `storage.prune`."""

ocs_tasks = Table(
    "ocs_tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("api", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("user_id", Text),
    Column("app_id", Text, nullable=False),
    Column("custom_id", Text, nullable=False),
    Column("run_id", Text),
    Column("progress", Double),
    Column("last_updated", Double, nullable=False),
    Column("scheduled_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("expected_seconds", Integer, nullable=False),
    Column("allow_cleanup", Boolean, nullable=False),
    Column("include_watermark", Boolean, nullable=False),
    Column("prefer_streaming", Boolean, nullable=False),
    Column("error", Text),
    Column("user_facing_error", Text),
    Column("webhook_uri", Text),
    Column("webhook_method", Text),
    Column("files", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("output", Text),
    UniqueConstraint("key"),
    Index("ocs_tasks_by_user", "user_id", "api", "type"),
    Index("ocs_tasks_by_status", "status", "type"),
    Index("ocs_tasks_by_time", "last_updated"),
    sqlite_autoincrement=True,
)
"""Tasks of Nextcloud's clients. An `id` is never used twice. `app_id` is what the client calls its
app; `revision` is new with each change, so that whoever made a change knows that it was theirs;
`files` are the numbers of uploads that go with the task."""

ocs_providers = Table(
    "ocs_providers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("worker_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("custom_task_type", Text),
    UniqueConstraint("worker_id", "name"),
    sqlite_autoincrement=True,
)
"""What workers have registered, as they sent it."""

app_passwords = Table(
    "app_passwords",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)
"""Those made by logging in. One of the configuration is here once it was revoked."""

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("end_user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("introduction", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Index("conversations_by_end_user", "end_user_id", "updated_at"),
    Index("conversations_by_time", "updated_at"),
)
"""`updated_at` is when the last turn began."""

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("end_user_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("error", Text),
    Column("metadata", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Index("messages_by_conversation", "conversation_id", "created_at"),
    Index("messages_by_run", "run_id"),
)
"""One row a turn: question and answer."""

messages_in_progress = messages.c.finished_at.is_(None)
Index("messages_in_progress", messages.c.id, sqlite_where=messages_in_progress)

message_files = Table(
    "message_files",
    metadata,
    Column("id", Text, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("upload_id", Text),
    Column("belongs_to", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("file", Text, nullable=False),
    Index("message_files_by_message", "message_id"),
    Index("message_files_by_upload", "upload_id"),
)
"""Files that came with a question, or that the answer shows; remote ones have no `upload_id`."""

message_feedbacks = Table(
    "message_feedbacks",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("end_user_id", Text, nullable=False),
    Column("rating", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("content", Text),
    Index("message_feedbacks_by_app", "app_id", "created_at"),
    Index("message_feedbacks_by_conversation", "conversation_id"),
)

conversation_variables = Table(
    "conversation_variables",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value_type", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("description", Text, nullable=False),
    Column("value", Text, nullable=False),
    Index("conversation_variables_by_conversation", "conversation_id"),
)
"""`position` is that of the variable in the workflow file."""

knowledge_documents = Table(
    "knowledge_documents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("base", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("embedding", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("metadata", Text, nullable=False),
    UniqueConstraint("base", "name"),
)

knowledge_segments = Table(
    "knowledge_segments",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("vector", LargeBinary),
    Column("content", Text, nullable=False),
    Column("words", Text, nullable=False),
    Index("knowledge_segments_by_document", "document_id"),
    Index("knowledge_segments_by_base", "base", "document_id"),
)
"""Pieces of the documents; `words` is what `knowledge_search` finds them by."""
