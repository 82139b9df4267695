"""Apps and their versions, and what their files say around the graph."""
