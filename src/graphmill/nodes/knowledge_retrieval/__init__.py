"""knowledge-retrieval: pieces of texts that fit a question (`nodes §5`)."""
