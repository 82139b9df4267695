"""Stored files: where their bytes lie and how links to them are signed."""
