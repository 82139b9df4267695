"""The only way out: one HTTP client, and the guard that keeps it off forbidden addresses."""
