"""What alembic runs to run the steps, on the connection that `run` opened."""

from alembic import context

from graphmill.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
