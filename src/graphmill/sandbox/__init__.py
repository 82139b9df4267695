"""What strangers wrote runs here only: templates now, code with the sandbox processes."""
