"""Where the bytes of files lie, and the links by which they are fetched."""
