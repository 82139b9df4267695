"""code: Python or JavaScript that the author wrote (`nodes §8`)."""
