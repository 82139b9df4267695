"""Speech as callers ask for it."""
