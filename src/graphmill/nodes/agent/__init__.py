"""agent: a model that works with tools until it knows the answer (`nodes §19`)."""
