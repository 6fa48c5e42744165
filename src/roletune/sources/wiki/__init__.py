"""Pages of wikis: fetched once, kept as they are, read offline."""
