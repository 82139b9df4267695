"""Files that callers name: stored ones, those of the web, those that lie about on this machine."""
