"""The façades: each translates one public HTTP API to `service` calls and back."""
