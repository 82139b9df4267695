"""One run of one compiled version: the scheduler decides, the driver waits, the feed tells."""
