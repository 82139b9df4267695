"""Tasks as Nextcloud's clients know them: a type with slots, executed by an app or by a worker."""
