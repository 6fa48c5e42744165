"""Stage 4: an adapter becomes a report."""
