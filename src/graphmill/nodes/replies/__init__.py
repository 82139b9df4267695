"""Replies of models, as text that holds more than text: thoughts in tags, JSON in prose."""
