"""One file a node type; `registry.py` lists them."""
