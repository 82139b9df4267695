"""Runs: started, followed, gone on with after a restart, reported."""
