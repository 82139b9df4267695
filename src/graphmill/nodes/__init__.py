"""One file or folder a node type; `registry.py` lists them."""
