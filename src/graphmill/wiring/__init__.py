"""Puts everything together; only here are all concrete classes known.

A module for each thing that is opened: for the server (`server.py`), for one run on the terminal
(`bench.py`), and what these two share. What is opened is closed in reverse order: first the runs
end, last the database is closed.
"""
