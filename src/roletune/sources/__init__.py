"""Stage 0: what exists becomes a `Profile` and authentic `Dialogue` records."""
