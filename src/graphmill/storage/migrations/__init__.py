"""How older database files become newer ones; run by alembic, one file a step in `versions`.

A change of `tables` needs a new file there, and its revision in `schema.REVISION`.
"""
