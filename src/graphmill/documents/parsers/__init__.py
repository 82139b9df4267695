"""One module for each family of formats: bytes in, text out, in the form that Dify gives it
(`nodes §17`). A broken document raises whatever its parser raises."""
