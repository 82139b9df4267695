"""Speakers and listeners. `espeak` runs in the server and makes no sound itself; `child` is the
program that does."""
