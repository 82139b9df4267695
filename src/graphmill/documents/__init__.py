"""Text of documents. `reader` runs in the server and parses nothing; `child` and `parsers` run in
a sandbox, behind its walls and limits, since documents come from strangers."""
