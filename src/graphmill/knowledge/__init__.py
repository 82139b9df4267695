"""Searching in texts: bases of this server, and services elsewhere, behind `ports.knowledge`."""
