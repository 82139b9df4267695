"""Prompts: from the configuration of a node that calls a model to the messages of the call."""
