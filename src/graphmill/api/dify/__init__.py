"""Dify's service API (`/v1`)."""
