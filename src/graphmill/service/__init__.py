"""What a caller can do, whatever the API: start, follow, stop and read runs; upload and open
files."""
