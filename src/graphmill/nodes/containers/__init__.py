"""Containers, which run the nodes inside them in rounds (`nodes §15, §16`)."""
