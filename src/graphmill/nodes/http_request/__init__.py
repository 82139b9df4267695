"""http-request: one HTTP request and what came back (`nodes §10`)."""
