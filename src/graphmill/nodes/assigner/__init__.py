"""assigner: writes variables that exist already (`nodes §14`)."""
