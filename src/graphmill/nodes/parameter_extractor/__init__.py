"""parameter-extractor: a model finds values in a text (`nodes §12`)."""
