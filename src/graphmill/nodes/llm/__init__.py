"""llm: one call of a model, its reply streamed (`nodes §4`)."""
