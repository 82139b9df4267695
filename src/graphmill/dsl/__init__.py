"""Workflow YAML to model: reading, repairing old files, checking. Pure: no I/O."""
