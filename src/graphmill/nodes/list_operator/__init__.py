"""list-operator: some elements of a list, in some order (`nodes §18`)."""
