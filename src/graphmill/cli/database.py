"""`graphmill prune` and `graphmill migrate`: the database by hand; `serve` does both by itself."""
