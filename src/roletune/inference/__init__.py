"""Stage 5: an adapter becomes a conversation."""
