"""The database: tables, statements grouped by noun, and the one writer."""
